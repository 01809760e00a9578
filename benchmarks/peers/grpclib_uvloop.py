"""grpclib, which is Python down to the frames (h2), on uvloop; its program is grpclib/serve.py."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks import install
from benchmarks.peers.echo import EchoPeer, Program

SOURCES = Path(__file__).with_name("grpclib")


def _build(folder: Path) -> None:
    install.run([sys.executable, "-m", "venv", str(folder / "venv")])
    binaries = folder / "venv" / "bin"
    packages = str(folder / "requirements.txt")
    install.run([str(binaries / "pip"), "install", "--quiet", "--requirement", packages])
    stubs = folder / "stubs"
    stubs.mkdir()
    plugin = binaries / "protoc-gen-grpclib_python"
    outputs = [f"--python_out={stubs}", f"--grpclib_python_out={stubs}"]
    install.protoc([f"--plugin=protoc-gen-grpclib_python={plugin}", *outputs])


def _program() -> Program:
    sources = [SOURCES / "serve.py", SOURCES / "requirements.txt", Path(install.CONTRACT)]
    folder = install.installed("grpclib", sources, _build)
    versions = ", ".join((SOURCES / "requirements.txt").read_text().split())
    return Program(
        [str(folder / "venv" / "bin" / "python"), str(folder / "serve.py")],
        versions.replace("==", " "),
        {"PYTHONPATH": os.fspath(folder / "stubs")},
    )


PEER = EchoPeer("grpclib", "grpclib, uvloop", _program)
