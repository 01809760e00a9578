"""The servicer on the page for authors of servicers does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc
from tercet import errors
from tercet.rpc import ENGINES
from tercet.rpc.status import STATUS
from tests.integration.conftest import Start
from tests.integration.meshes import ROOT

PAGE = (ROOT / "docs" / "servicers.md").read_text()


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_the_example(start: Start, tmp_path: Path, engine: str) -> None:
    [code] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "hello.py").write_text(code)
    mesh = start(
        *("serve", "hello:register", "--workers", "2", "--option", "title=Ahoy"),
        *("--bind", "127.0.0.1:0", "--gateway", "127.0.0.1:0", "--engine", engine),
        *("--grace", "60"),
        environ={"PYTHONPATH": str(tmp_path)},
    ).wait_ready()
    with grpc.insecure_channel(mesh.gateway) as to:
        stub = greeter_pb2_grpc.GreeterStub(to)
        said = {stub.SayHello(greeter_pb2.SayHelloRequest(name="you")).message for _ in range(40)}
        assert said == {"Ahoy you, from 0", "Ahoy you, from 1"}

        with pytest.raises(grpc.RpcError) as refused:
            stub.SayHello(greeter_pb2.SayHelloRequest())
        status = rpc_status.from_call(refused.value)
        assert status is not None
        info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        assert status.details[0].Unpack(info) and status.details[1].Unpack(request)
        assert (info.reason, info.metadata["hint"]) == ("NO_NAME", "say who you are")
        assert request.field_violations[0].field == "name"

    with grpc.insecure_channel(mesh.bind_of("hello")) as to:
        stub = greeter_pb2_grpc.GreeterStub(to)
        endless = stub.SayHellos(greeter_pb2.SayHellosRequest(name="you"))
        assert next(endless).message == "still here"
        # The callback ends the stream in order: with OK, long before the grace is over.
        assert mesh.stop() == 0
        assert {answer.message for answer in endless} <= {"still here"}
        assert endless.code() is grpc.StatusCode.OK
    assert mesh.stdout.count("hello: closed\n") == 2


def test_the_table_of_errors_is_that_of_the_code() -> None:
    shown = dict(re.findall(r"^\| `(\w+)` \| ([A-Z_]+)", PAGE, re.MULTILINE))
    # A servicer has no use for the error of a configuration.
    expected = {
        kind.__name__: code.name for kind, code in STATUS.items() if kind is not errors.ConfigError
    }
    assert shown == expected
