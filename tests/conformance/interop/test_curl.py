"""curl makes a gRPC call: a message, and the status in the trailers.

Over TLS, where ALPN chooses HTTP/2, and through a gateway, where the client knows beforehand.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conformance.interop.conftest import Peer
from tests.conformance.interop.contract import messages
from tests.integration import tools


@dataclass(frozen=True)
class Answer:
    """What came: the head of the response, its body, and the trailers among its fields."""

    exit_code: int
    fields: str
    body: bytes


@pytest.fixture(scope="session")
def curl() -> str:
    program = tools.find("curl")
    if program is None:
        tools.unavailable("curl is not installed")
    features = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    if "HTTP2" not in features.stdout:
        tools.unavailable("curl was built without HTTP/2")
    return program


def post(
    curl: str, peer: Peer, folder: Path, message: bytes, *options: str, shown: str | None = "client"
) -> Answer:
    """Args:
    shown: Whose certificate; None for none.
    """
    request, response, fields = folder / "request", folder / "response", folder / "fields"
    request.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    command = [curl, "--silent", "--max-time", "20"]
    if peer.certificates is None:
        command.append("--http2-prior-knowledge")
    else:
        command += ["--http2", "--cacert", str(peer.certificates / "roots.pem")]
        if shown is not None:
            command += ["--cert", str(peer.certificates / f"{shown}.pem")]
            command += ["--key", str(peer.certificates / f"{shown}.key")]
    command += ["--header", "content-type: application/grpc", "--header", "te: trailers"]
    command += ["--data-binary", f"@{request}"]
    command += ["--output", str(response), "--dump-header", str(fields), *options]
    scheme = "http" if peer.certificates is None else "https"
    done = subprocess.run([*command, f"{scheme}://{peer.address}/conformance.v1.Interop/Unary"])
    return Answer(
        done.returncode,
        fields.read_text() if fields.exists() else "",
        response.read_bytes() if response.exists() else b"",
    )


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_call_of_each_version_of_tls(
    curl: str, secured: Peer, tmp_path: Path, version: str
) -> None:
    makes_a_call(curl, secured, tmp_path, f"--tlsv{version}", "--tls-max", version)


def test_a_call(curl: str, reached: Peer, tmp_path: Path) -> None:
    makes_a_call(curl, reached, tmp_path)


def makes_a_call(curl: str, peer: Peer, folder: Path, *options: str) -> None:
    asked = messages.UnaryRequest(response_size=100_000).SerializeToString()
    answer = post(curl, peer, folder, asked, *options)
    assert answer.exit_code == 0
    assert answer.fields.startswith("HTTP/2 200")
    assert "\ngrpc-status: 0\n" in answer.fields
    assert messages.UnaryResponse.FromString(answer.body[5:]).body == bytes(100_000)


def test_a_status(curl: str, reached: Peer, tmp_path: Path) -> None:
    status = messages.Status(code=9, message="not now")
    asked = messages.UnaryRequest(status=status).SerializeToString()
    answer = post(curl, reached, tmp_path, asked)
    assert "\ngrpc-status: 9\n" in answer.fields
    assert "\ngrpc-message: not now\n" in answer.fields
    assert answer.body == b""


@pytest.mark.parametrize("shown", [None, "stranger"])
def test_who_is_not_known_is_refused(
    curl: str, secured: Peer, tmp_path: Path, shown: str | None
) -> None:
    answer = post(curl, secured, tmp_path, b"", shown=shown)
    assert answer.exit_code != 0
    assert answer.fields == ""


def test_http_1_1_is_refused(curl: str, secured: Peer, tmp_path: Path) -> None:
    answer = post(curl, secured, tmp_path, b"", "--http1.1")
    assert answer.exit_code != 0
    assert answer.fields == ""
