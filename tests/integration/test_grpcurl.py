"""grpcurl, a Go client that knows no proto, works against a gateway by reflection alone."""

from __future__ import annotations

import asyncio
import json
import struct
from base64 import b64decode
from typing import Any

import pytest

from tests.integration import tools
from tests.integration.meshes import Mesh


class Grpcurl:
    """Calls one server in the clear."""

    def __init__(self, program: str, address: str) -> None:
        self._program = program
        self._address = address

    async def __call__(self, *words: str, data: Any = None, fails: bool = False) -> str:
        """What it prints: stdout, or stderr of a call that is to fail.

        Args:
            words: A verb and its symbol, or a method.
            data: The request message of a method.
            fails: Whether the command must exit with an error, rather than with 0.
        """
        options = ["-plaintext", "-max-time=30"]
        if data is not None:
            options += ["-d", json.dumps(data)]
        child = await asyncio.create_subprocess_exec(
            self._program,
            *options,
            self._address,
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        stdout, stderr = await child.communicate()
        assert (child.returncode != 0) == fails, stderr.decode()
        return (stderr if fails else stdout).decode()


@pytest.fixture
def grpcurl(mesh: Mesh) -> Grpcurl:
    program = tools.find("grpcurl")
    if program is None:
        tools.unavailable("no grpcurl; `make tools` installs it where Go is")
    return Grpcurl(program, mesh.gateway)


async def test_lists_the_services_of_every_worker(grpcurl: Grpcurl) -> None:
    listed = set((await grpcurl("list")).split())
    assert {
        "examples.greeter.v1.Greeter",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "tercet.compute.v1.Compute",
        "tercet.executor.v1.Executor",
    } <= listed


async def test_lists_the_methods_of_a_service(grpcurl: Grpcurl) -> None:
    assert (await grpcurl("list", "tercet.compute.v1.Compute")).split() == [
        f"tercet.compute.v1.Compute.{method}" for method in ("ListKernels", "ProcessImage", "Run")
    ]


async def test_describes_a_message_with_its_imports(grpcurl: Grpcurl) -> None:
    """Timing's fields are of a type that another file defines."""
    described = await grpcurl("describe", "tercet.compute.v1.Timing")
    assert "message Timing {" in described
    assert ".google.protobuf.Duration" in described


async def test_calls_a_kernel(grpcurl: Grpcurl) -> None:
    """fibonacci(30), whose value is a tensor of one int64."""
    answer = json.loads(
        await grpcurl(
            "tercet.compute.v1.Compute/Run",
            data={"kernel": "fibonacci", "parameters": {"n": {"integer": "30"}}},
        )
    )
    (tensor,) = answer["outputs"].values()
    assert tensor["dtype"] == "ELEMENT_TYPE_INT64"
    assert struct.unpack("<q", b64decode(tensor["data"])) == (832_040,)


async def test_reads_a_stream_of_a_users_own_servicer(grpcurl: Grpcurl) -> None:
    said = await grpcurl("examples.greeter.v1.Greeter/SayHellos", data={"name": "Ada", "count": 3})
    assert said.count('"message": "Hello, Ada!"') == 3


async def test_shows_the_details_of_an_error(grpcurl: Grpcurl) -> None:
    said = await grpcurl(
        "tercet.compute.v1.Compute/Run", data={"kernel": "no-such-kernel"}, fails=True
    )
    assert "Code: NotFound" in said
    assert '"@type": "type.googleapis.com/google.rpc.ErrorInfo"' in said
    assert '"domain": "tercet"' in said


async def test_health_through_the_gateway(grpcurl: Grpcurl) -> None:
    answer = json.loads(
        await grpcurl("grpc.health.v1.Health/Check", data={"service": "tercet.compute.v1.Compute"})
    )
    assert answer == {"status": "SERVING"}
