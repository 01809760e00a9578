"""gRPC's interop cases with `@grpc/grpc-js`, the client of Node.js; its HTTP/2 is nghttp2."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conformance.interop.conftest import Serve
from tests.conformance.interop.contract import PROTO
from tests.conformance.interop.servicers import STYLES

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
def known() -> dict[str, Verdicts]:
    return {}


@pytest.fixture(params=list(STYLES))
def verdicts(
    client: Path,
    serve: Serve,
    engine: str,
    known: dict[str, Verdicts],
    request: pytest.FixtureRequest,
) -> Verdicts:
    """What is wrong with each case, from one run of all of them: Node.js starts slowly."""
    address = serve(engine, request.param)
    if address not in known:
        done = subprocess.run(
            ["node", str(client), address, str(PROTO)], capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        lines = (line.split(" ", 1) for line in done.stdout.splitlines())
        known[address] = {name: json.loads(wrong) for name, wrong in lines}
    return known[address]


@pytest.mark.parametrize("case", CASES)
def test_case(verdicts: Verdicts, case: str) -> None:
    assert verdicts[case] is None


def test_no_case_is_forgotten(verdicts: Verdicts) -> None:
    assert set(verdicts) == set(CASES)
