"""@grpc/grpc-js, gRPC's stock server for Node.js; its program is node/grpc_js.mjs."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import install
from benchmarks.peers.echo import EchoPeer, Program

SOURCES = Path(__file__).with_name("node")


def node() -> tuple[str, str]:
    """Node.js and its version.

    Raises:
        benchmarks.install.Missing: It is not here.
    """
    found = install.tool("node")
    return found, f"Node.js {install.run([found, '--version']).removeprefix('v')}"


def build(folder: Path) -> None:
    npm = install.tool("npm")
    install.run([npm, "install", "--no-audit", "--no-fund", "--no-package-lock"], folder)


def packages() -> list[str]:
    """What npm installs, with versions."""
    listed = json.loads((SOURCES / "package.json").read_text())["dependencies"]
    return [f"{name} {number}" for name, number in listed.items()]


def _program() -> Program:
    found, version = node()
    sources = [SOURCES / "grpc_js.mjs", SOURCES / "package.json", Path(install.CONTRACT)]
    folder = install.installed("grpc-js", sources, build)
    versions = ", ".join([version, *packages()])
    return Program([found, str(folder / "grpc_js.mjs")], versions)


PEER = EchoPeer("grpc-js", "@grpc/grpc-js", _program)
