"""Short ways to say what the tests ask of an executor."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tercet.executor.v1 import executor_pb2 as pb
from tercet.executor.v1 import executor_pb2_grpc

Stub = executor_pb2_grpc.ExecutorStub


def stage(program: str, **arguments: str) -> pb.Stage:
    return pb.Stage(program=program, arguments=arguments)


async def run(stub: Stub, *stages: pb.Stage, **fields: Any) -> pb.RunResponse:
    if "timeout" in fields:
        fields["timeout"] = seconds(fields["timeout"])
    response: pb.RunResponse = await stub.Run(pb.RunRequest(stages=stages, **fields))
    return response


async def shell(stub: Stub, script: str, **fields: Any) -> pb.RunResponse:
    return await run(stub, stage("shell", script=script), **fields)


def seconds(value: float) -> duration_pb2.Duration:
    made = duration_pb2.Duration()
    made.FromNanoseconds(int(value * 1e9))
    return made


def result(outcome: pb.Outcome) -> str | None:
    return outcome.WhichOneof("result")


class Spawned:
    """A call of Spawn, started."""

    def __init__(self, stub: Stub, program: pb.Stage, timeout: float | None = None) -> None:
        self.call = stub.Spawn()
        limit = None if timeout is None else seconds(timeout)
        self._start = pb.Start(stage=program, timeout=limit)
        self.outcome: pb.Outcome | None = None
        self.pid = 0

    async def start(self) -> Spawned:
        await self.call.write(pb.SpawnRequest(start=self._start))
        first = await self.call.read()
        assert first.WhichOneof("event") == "started"
        self.pid = first.started.pid
        return self

    async def write(self, data: bytes) -> None:
        await self.call.write(pb.SpawnRequest(stdin=data))

    async def close_stdin(self) -> None:
        await self.call.write(pb.SpawnRequest(close_stdin=pb.CloseStdin()))

    async def signal(self, number: int = signal.SIGTERM) -> None:
        await self.call.write(pb.SpawnRequest(signal=pb.Signal(number=number)))

    async def events(self) -> AsyncIterator[pb.SpawnResponse]:
        """The events up to the end; the last one is kept as `outcome`."""
        while (event := await self.call.read()) is not grpc.aio.EOF:
            assert self.outcome is None, f"{event} after the end"
            if event.WhichOneof("event") == "exited":
                self.outcome = event.exited
            yield event

    async def stdout(self) -> bytes:
        """The next output."""
        event = await self.call.read()
        assert event.WhichOneof("event") == "stdout", event
        data: bytes = event.stdout
        return data

    async def finish(self) -> tuple[bytes, bytes, pb.Outcome]:
        """All the rest: output, error output and outcome."""
        stdout, stderr = bytearray(), bytearray()
        async for event in self.events():
            stdout += event.stdout
            stderr += event.stderr
        assert self.outcome is not None
        return bytes(stdout), bytes(stderr), self.outcome


def details(error: grpc.aio.AioRpcError) -> tuple[str, str, float | None]:
    """Reason, field at fault ("" if none) and seconds to wait (None if not told) of a status."""
    status = rpc_status.from_call(error)
    assert status is not None
    reason, field, retry = "", "", None
    for each in status.details:
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        wait = error_details_pb2.RetryInfo()
        if each.Unpack(info):
            assert info.domain == "tercet"
            assert info.metadata["hint"]
            reason = info.reason
        elif each.Unpack(bad):
            field = bad.field_violations[0].field
        elif each.Unpack(wait):
            retry = wait.retry_delay.ToNanoseconds() / 1e9
    return reason, field, retry
