"""gRPC's interop cases with `@grpc/grpc-js`, the client of Node.js; its HTTP/2 is nghttp2."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conformance.interop.conftest import Peer
from tests.conformance.interop.contract import PROTO

CASES = (
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "cacheable_unary",
    "rpc_soak",
    "channel_soak",
)

Verdicts = dict[str, str | None]


@pytest.fixture(scope="session")
def known() -> dict[Peer, Verdicts]:
    return {}


@pytest.fixture
def verdicts(client: Path, peer: Peer, known: dict[Peer, Verdicts]) -> Verdicts:
    """What is wrong with each case, from one run of all of them: Node.js starts slowly."""
    if peer not in known:
        words = [str(client), peer.address, str(PROTO), "cases"]
        if peer.certificates is not None:
            words.append(str(peer.certificates))
        done = subprocess.run(["node", *words], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        lines = (line.split(" ", 1) for line in done.stdout.splitlines())
        known[peer] = {name: json.loads(wrong) for name, wrong in lines}
    return known[peer]


@pytest.mark.parametrize("case", CASES)
def test_case(verdicts: Verdicts, case: str) -> None:
    assert verdicts[case] is None


def test_no_case_is_forgotten(verdicts: Verdicts) -> None:
    assert set(verdicts) == set(CASES)
