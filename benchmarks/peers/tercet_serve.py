"""`tercet serve` of benchmarks/peers/hello.py: called straight, through its gateway, preloaded."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from benchmarks import install, ports
from benchmarks.mesh import ANY_PORT, TERCET
from benchmarks.peers.supervised import Setup, Supervised
from benchmarks.wire.http2 import Http2

PRELOAD = "--preload"
COMPILED = ("services/tercet", "examples/greeter", "benchmarks/peers")


def versions() -> str:
    # As pip does with what it installs, the peers' packages too: these lie where they are edited.
    install.run([sys.executable, "-m", "compileall", "-q", *COMPILED])
    return f"Tercet {version('tercet')}"


def with_preload() -> str:
    if PRELOAD not in install.run([str(TERCET), "serve", "--help"]):
        raise install.Missing(f"`tercet serve` has no {PRELOAD}")
    return versions()


def straight(setup: Setup) -> Sequence[str]:
    return [*_serve(setup), "--bind", f"{ports.HOST}:{setup.port}"]


def preloaded(setup: Setup) -> Sequence[str]:
    return [*straight(setup), PRELOAD]


def through(setup: Setup) -> Sequence[str]:
    return [*_serve(setup), "--bind", ANY_PORT, "--gateway", f"{ports.HOST}:{setup.port}"]


def _serve(setup: Setup) -> Sequence[str]:
    command = [str(TERCET), "serve", "benchmarks.peers.hello:register", "--engine", "native"]
    return [*command, "--workers", str(setup.workers)]


def environ(setup: Setup) -> Mapping[str, str]:
    return {"TERCET_RUNTIME_DIR": str(setup.folder)}


STRAIGHT = Supervised(
    "tercet",
    "Tercet",
    Http2,
    versions,
    straight,
    environ,
    note="`tercet serve`, native engine, called on the port of its workers",
)
GATEWAY = Supervised(
    "tercet-gateway",
    "Tercet, gateway",
    Http2,
    versions,
    through,
    environ,
    note="with `--gateway`, one process, and called there",
)
PRELOADED = Supervised(
    "tercet-preload",
    "Tercet, preloaded",
    Http2,
    with_preload,
    preloaded,
    environ,
    note="with `--preload`, called on the port of its workers",
)
