"""gunicorn with uvicorn's workers, uvicorn by itself, and granian, in an environment of their own.

None of them speaks gRPC to a servicer: they say hello by asgi/hello.py over HTTP/1.1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import install, ports
from benchmarks.peers.supervised import Setup, Supervised
from benchmarks.wire.http1 import Http1

SOURCES = Path(__file__).with_name("asgi")
REQUIREMENTS = SOURCES / "requirements.txt"
APP = "hello:app"


def _build(folder: Path) -> None:
    install.run([sys.executable, "-m", "venv", str(folder / "venv")])
    pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    install.run([*pip, "--requirement", str(folder / "requirements.txt")])


def _folder() -> Path:
    return install.installed("asgi", [SOURCES / "hello.py", REQUIREMENTS], _build)


def _versions(*packages: str) -> Callable[[], str]:
    def versions() -> str:
        _folder()
        pinned = dict(line.split("==") for line in REQUIREMENTS.read_text().split())
        return ", ".join(f"{package} {pinned[package]}" for package in packages)

    return versions


def _program(name: str) -> tuple[str, str]:
    """Its path, and that of the application's folder."""
    folder = _folder()
    return str(folder / "venv" / "bin" / name), str(folder)


def gunicorn(setup: Setup) -> Sequence[str]:
    path, folder = _program("gunicorn")
    command = [path, "--chdir", folder, "--bind", f"{ports.HOST}:{setup.port}"]
    command += ["--workers", str(setup.workers), "--worker-class", "uvicorn_worker.UvicornWorker"]
    return [*command, "--log-level", "error", APP]


def uvicorn(setup: Setup) -> Sequence[str]:
    path, folder = _program("uvicorn")
    command = [path, "--app-dir", folder, "--host", ports.HOST, "--port", str(setup.port)]
    command += ["--workers", str(setup.workers), "--no-access-log", "--log-level", "error"]
    return [*command, APP]


def granian(setup: Setup) -> Sequence[str]:
    path, folder = _program("granian")
    command = [path, "--interface", "asgi", "--working-dir", folder]
    command += ["--host", ports.HOST, "--port", str(setup.port), "--http", "1"]
    command += ["--workers", str(setup.workers), "--respawn-failed-workers"]
    return [*command, "--loop", "uvloop", "--log-level", "error", APP]


GUNICORN = Supervised(
    "gunicorn",
    "gunicorn, uvicorn workers",
    Http1,
    _versions("gunicorn", "uvicorn", "uvicorn-worker", "httptools", "uvloop"),
    gunicorn,
    note="HTTP/1.1; as it is out of the box, without a log",
)
UVICORN = Supervised(
    "uvicorn",
    "uvicorn --workers",
    Http1,
    _versions("uvicorn", "httptools", "uvloop"),
    uvicorn,
    note="HTTP/1.1; as it is out of the box, without a log",
)
GRANIAN = Supervised(
    "granian",
    "granian",
    Http1,
    _versions("granian", "uvloop"),
    granian,
    note="HTTP/1.1, ASGI; with --respawn-failed-workers, which is off by default",
)
