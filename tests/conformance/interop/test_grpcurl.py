"""grpcurl calls over mutual TLS, and through a gateway."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.conformance.interop.conftest import Peer
from tests.conformance.interop.contract import PROTO
from tests.integration import tools


@pytest.fixture(scope="session")
def grpcurl() -> str:
    program = tools.find("grpcurl")
    if program is None:
        tools.unavailable("no grpcurl; `make tools` installs it where Go is")
    return program


def call(
    grpcurl: str, peer: Peer, method: str, data: object, shown: str | None = "client"
) -> subprocess.CompletedProcess[str]:
    """Args:
    shown: Whose certificate; None for none.
    """
    command = [grpcurl, "-max-time=20", "-connect-timeout=3"]
    command += ["-import-path", str(PROTO.parent), "-proto", PROTO.name]
    if peer.certificates is None:
        command.append("-plaintext")
    else:
        command += ["-cacert", str(peer.certificates / "roots.pem")]
        if shown is not None:
            command += ["-cert", str(peer.certificates / f"{shown}.pem")]
            command += ["-key", str(peer.certificates / f"{shown}.key")]
    command += ["-d", json.dumps(data), peer.address, f"conformance.v1.Interop/{method}"]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_call(grpcurl: str, reached: Peer) -> None:
    done = call(grpcurl, reached, "Unary", {"response_size": 3})
    assert (done.returncode, json.loads(done.stdout)) == (0, {"body": "AAAA"})


def test_a_stream(grpcurl: str, reached: Peer) -> None:
    done = call(grpcurl, reached, "Download", {"sizes": [3, 3, 3]})
    assert (done.returncode, done.stdout.count('"body": "AAAA"')) == (0, 3)


def test_a_status(grpcurl: str, reached: Peer) -> None:
    done = call(grpcurl, reached, "Unary", {"status": {"code": 9, "message": "not now"}})
    assert "Code: FailedPrecondition" in done.stderr
    assert "Message: not now" in done.stderr


@pytest.mark.parametrize("shown", [None, "stranger"])
def test_who_is_not_known_is_refused(grpcurl: str, secured: Peer, shown: str | None) -> None:
    done = call(grpcurl, secured, "Unary", {}, shown)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert "Failed to dial target host" in done.stderr
