"""Node's bare HTTP/1.1 server, what one would write without gRPC; its program is node/http.mjs."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.echo import EchoPeer, Program
from benchmarks.peers.grpc_js import node


def _program() -> Program:
    found, version = node()
    return Program([found, str(Path(__file__).with_name("node") / "http.mjs")], version)


PEER = EchoPeer("node-http", "Node http", _program, http1=True)
