"""One server process per engine, style and security, for all tests; and the client of Node.js."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from tests.conformance.gateway.front import Front
from tests.conformance.interop.servicers import STYLES
from tests.integration import tools

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Peer:
    """A server, and how it is reached.

    Attributes:
        certificates: The folder of what mutual TLS needs; None in the clear.
    """

    address: str
    certificates: Path | None = None

    def channel(self, of: Any, options: Any = ()) -> Any:
        """Args:
        of: grpc or grpc.aio.
        """
        if self.certificates is None:
            return of.insecure_channel(self.address, options=options)
        roots, key, chain = (
            (self.certificates / name).read_bytes()
            for name in ("roots.pem", "client.key", "client.pem")
        )
        credentials = grpc.ssl_channel_credentials(roots, key, chain)
        return of.secure_channel(self.address, credentials, options=options)


Serve = Callable[[str, str, Path | None], Peer]


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """serve(engine, style, certificates): such a server."""
    processes: dict[tuple[str, ...], tuple[subprocess.Popen[str], str]] = {}

    def peer(engine: str, style: str, certificates: Path | None) -> Peer:
        words = (engine, style, *([] if certificates is None else [str(certificates)]))
        if words not in processes:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.conformance.interop.serve", *words],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdout is not None
            processes[words] = process, f"127.0.0.1:{process.stdout.readline().strip()}"
        return Peer(processes[words][1], certificates)

    yield peer
    for process, _ in processes.values():
        # Ends its stdin, which ends the server.
        with process:
            process.communicate(timeout=20)


@pytest.fixture(scope="session")
def through() -> Iterator[Callable[[Peer], Peer]]:
    """through(peer): that server behind a gateway, which takes every path to it."""
    fronts: dict[Peer, Front] = {}

    def front(peer: Peer) -> Peer:
        if peer not in fronts:
            fronts[peer] = Front({"": [peer.address]})
        return Peer(fronts[peer].address)

    yield front
    for each in fronts.values():
        with each:
            pass


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """roots.pem, and a .key and a .pem of "server", "client", and "stranger", whom nobody knows."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "roots.pem")
    for name, issued in [
        ("server", authority.issue_cert("127.0.0.1", "localhost")),
        ("client", authority.issue_cert("client.example")),
        ("stranger", trustme.CA().issue_cert("client.example")),
    ]:
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    return folder


@pytest.fixture(params=[*STYLES, "mutual-tls", "gateway"])
def peer(
    serve: Serve,
    through: Callable[[Peer], Peer],
    engine: str,
    certificates: Path,
    request: pytest.FixtureRequest,
) -> Peer:
    """A server of each engine and style, one with TLS and one behind a gateway.

    Styles know nothing of the latter two.
    """
    if request.param == "mutual-tls":
        return serve(engine, "coroutines", certificates)
    if request.param == "gateway":
        return through(serve(engine, "coroutines", None))
    return serve(engine, request.param, None)


@pytest.fixture(params=["mutual-tls", "gateway"])
def reached(
    serve: Serve,
    through: Callable[[Peer], Peer],
    engine: str,
    certificates: Path,
    request: pytest.FixtureRequest,
) -> Peer:
    """A server of each engine, with TLS or behind a gateway."""
    if request.param == "mutual-tls":
        return serve(engine, "coroutines", certificates)
    return through(serve(engine, "coroutines", None))


@pytest.fixture
def secured(serve: Serve, engine: str, certificates: Path) -> Peer:
    """A server of each engine with mutual TLS."""
    return serve(engine, "coroutines", certificates)


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Node.js client with its dependencies."""
    if not (shutil.which("node") and shutil.which("npm")):
        tools.unavailable("node or npm is not installed")
    folder = tmp_path_factory.mktemp("grpc-js") / "client"
    shutil.copytree(
        Path(__file__).with_name("node"), folder, ignore=shutil.ignore_patterns("node_modules")
    )
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "client.mjs"
