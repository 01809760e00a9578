"""Node's cluster with @grpc/grpc-js in each worker; its program is node/cluster.mjs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks import install
from benchmarks.peers.grpc_js import SOURCES, build, node, packages
from benchmarks.peers.supervised import Setup, Supervised
from benchmarks.process import ROOT
from benchmarks.wire.http2 import Http2

CONTRACT = ROOT / "examples/greeter/v1/greeter.proto"


def _folder() -> Path:
    sources = [SOURCES / "cluster.mjs", SOURCES / "package.json", CONTRACT]
    return install.installed("node-cluster", sources, build)


def versions() -> str:
    _folder()
    return ", ".join([node()[1], *packages()])


def command(setup: Setup) -> Sequence[str]:
    return [node()[0], str(_folder() / "cluster.mjs"), str(setup.port), str(setup.workers)]


PEER = Supervised(
    "node",
    "Node cluster",
    Http2,
    versions,
    command,
    note="forks again what has died, and on HUP, one by one, forks a new worker, awaits that it "
    "listens and has the old one end by `tryShutdown`: the user's code in benchmarks/peers/node",
)
