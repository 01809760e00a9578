"""Peers that are not this project's dependencies, made on first use in .bench/, which git ignores.

Each has a folder of its own with copies of its sources; it is made again when they change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.process import ROOT

PLACE = ROOT / ".bench"
CONTRACT = "benchmarks/echo/v1/echo.proto"
TIMEOUT = 600.0


class Missing(Exception):
    """What a peer needs is not here; the peer is left out."""


def installed(
    name: str, sources: Sequence[Path], build: Callable[[Path], None], place: Path = PLACE
) -> Path:
    """The folder of a peer, with its sources and what `build` made of them.

    Args:
        build: Told the folder, in which the sources are.

    Raises:
        Missing: It cannot be built here.
    """
    folder, wanted = place / name, digest(sources)
    stamp = folder / ".built"
    if not (stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for source in sources:
            shutil.copy(source, folder)
        build(folder)
        stamp.write_text(wanted)
    return folder


def digest(sources: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for source in sources:
        total.update(f"{source.name}\0{source.stat().st_size}\0".encode() + source.read_bytes())
    return total.hexdigest()


def tool(name: str, *places: str) -> str:
    """The path of a program.

    Args:
        places: Folders to look in after those of PATH.

    Raises:
        Missing: There is none.
    """
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *places]))
    if found is None:
        raise Missing(f"{name} is not installed")
    return found


def run(
    command: Sequence[str], folder: Path = ROOT, environ: Mapping[str, str] | None = None
) -> str:
    """What a command prints.

    Raises:
        Missing: It fails. Why is printed, not raised: it may name this machine's registries.
    """
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=TIMEOUT
    )
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise Missing(f"`{Path(command[0]).name} {command[1]}` failed")
    return done.stdout.strip()


def protoc(plugins: Sequence[str]) -> None:
    """Makes stubs of the contract with the protoc of grpcio-tools.

    Raises:
        Missing: It fails.
    """
    run([sys.executable, "-m", "grpc_tools.protoc", "-I.", *plugins, CONTRACT])
