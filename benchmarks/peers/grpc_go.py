"""grpc-go, which compiles to machine code; its program is go/main.go."""

from __future__ import annotations

import os
import re
from pathlib import Path

from benchmarks import install
from benchmarks.peers.echo import EchoPeer, Program

SOURCES = Path(__file__).with_name("go")
# protoc's plugins, of the versions that go.mod tells.
PLUGINS = {
    "go": "google.golang.org/protobuf/cmd/protoc-gen-go",
    "go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
}


def _build(folder: Path) -> None:
    go = install.tool("go")
    environ = {**os.environ, "GOFLAGS": "-buildvcs=false"}
    stubs = folder / "echo"
    stubs.mkdir()
    for name, package in PLUGINS.items():
        plugin = folder / f"protoc-gen-{name}"
        install.run([go, "build", "-o", str(plugin), package], folder, environ)
        mapped = f"M{install.CONTRACT}=peer/echo"
        options = [f"--{name}_out={stubs}", f"--{name}_opt={mapped},module=peer/echo"]
        install.protoc([f"--plugin=protoc-gen-{name}={plugin}", *options])
    install.run([go, "build", "-o", "serve", "."], folder, environ)


def _program() -> Program:
    version = install.run([install.tool("go"), "env", "GOVERSION"])
    sources = [SOURCES / "main.go", SOURCES / "go.mod", SOURCES / "go.sum", Path(install.CONTRACT)]
    folder = install.installed("grpc-go", sources, _build)
    grpc = re.search(r"google\.golang\.org/grpc v(\S+)", (SOURCES / "go.mod").read_text())
    number = grpc[1] if grpc else ""
    return Program([str(folder / "serve")], f"{version.replace('go', 'Go ')}, grpc-go {number}")


PEER = EchoPeer("grpc-go", "grpc-go", _program)
