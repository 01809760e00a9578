"""gRPC's interop cases with grpc-go, whose HTTP/2 and TLS are Go's own.

Over mutual TLS, and through a gateway.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.interop.conftest import Peer
from tests.conformance.interop.contract import messages
from tests.integration import tools

CASES = (
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "unimplemented_method",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
)
# Go may have to fetch and compile grpc-go first.
pytestmark = pytest.mark.timeout(600)

Verdicts = dict[str, str | None]


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's program, and beside it the contract."""
    if not shutil.which("go"):
        tools.unavailable("Go is not installed")
    folder = tmp_path_factory.mktemp("grpc-go")
    program = folder / "client"
    done = subprocess.run(
        ["go", "build", "-o", str(program), "."],
        cwd=Path(__file__).with_name("go"),
        env={**os.environ, "GOFLAGS": "-buildvcs=false"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (folder / "contract").write_bytes(messages.DESCRIPTOR.serialized_pb)
    return program


@pytest.fixture(scope="session")
def known() -> dict[Peer, Verdicts]:
    return {}


@pytest.fixture
def verdicts(client: Path, reached: Peer, known: dict[Peer, Verdicts]) -> Verdicts:
    """What is wrong with each case, from one run of all of them."""
    if reached not in known:
        words = [reached.address, str(client.with_name("contract"))]
        if reached.certificates is not None:
            words.append(str(reached.certificates))
        done = subprocess.run([str(client), *words], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        lines = (line.split(" ", 1) for line in done.stdout.splitlines())
        known[reached] = {name: json.loads(wrong) for name, wrong in lines}
    return known[reached]


@pytest.mark.parametrize("case", CASES)
def test_case(verdicts: Verdicts, case: str) -> None:
    assert verdicts[case] is None


def test_no_case_is_forgotten(verdicts: Verdicts) -> None:
    assert set(verdicts) == set(CASES)
