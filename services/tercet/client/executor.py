"""`client.executor`: programs as calls."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping

import grpc.aio
from google.protobuf.duration_pb2 import Duration

from tercet.client import outcome, programs
from tercet.client.peer import Peer
from tercet.client.spawned import Spawned
from tercet.client.values import to_text
from tercet.executor.v1 import executor_pb2, executor_pb2_grpc

Arguments = Mapping[str, object]
# "ps", or ("head", {"lines": 10}).
Stage = str | tuple[str, Arguments]


class Executor:
    """The executor service. Each program is also a method: `await executor.ps(style="aux")`.

    Every call raises `CallError` if the server refuses or cannot be reached; what happens to a
    program that was admitted is an `Outcome`. Cancelling the awaiting task kills the programs.
    """

    def __init__(self, channel: grpc.aio.Channel, peer: Peer) -> None:
        self._stub = executor_pb2_grpc.ExecutorStub(channel)
        self._peer = peer

    async def list_programs(self) -> tuple[programs.Program, ...]:
        """The programs of the catalogue, with their arguments."""
        request = executor_pb2.ListProgramsRequest()
        return programs.from_response(await self._peer.call(self._stub.ListPrograms, request))

    async def run(
        self,
        program: str,
        arguments: Arguments | None = None,
        /,
        *,
        stdin: bytes = b"",
        timeout: float | None = None,
        max_output_bytes: int = 0,
        check: bool = False,
        **more: object,
    ) -> outcome.Completed:
        """Runs one program and waits for its end.

        Args:
            arguments: Arguments by name: text, paths or numbers.
            stdin: The whole input.
            timeout: Longest wall time in seconds; None means the catalogue's limit.
            max_output_bytes: Most bytes of output; 0 means the server's limit.
            check: Raise `ProgramFailed` unless the program succeeds.
            more: As `arguments`; for a name that is one of this method's own, use `arguments`.
        """
        return await self.pipe(
            [(program, {**(arguments or {}), **more})],
            stdin=stdin,
            timeout=timeout,
            max_output_bytes=max_output_bytes,
            check=check,
        )

    async def pipe(
        self,
        stages: Iterable[Stage],
        *,
        stdin: bytes = b"",
        timeout: float | None = None,
        max_output_bytes: int = 0,
        check: bool = False,
    ) -> outcome.Completed:
        """Runs several programs, the output of each the input of the next.

        Args:
            stages: First to last: each a name, or a name and arguments.
            stdin: The whole input of the first one.
            timeout: As for `run`, for all together.
            max_output_bytes: As for `run`.
            check: Raise `ProgramFailed` unless all succeed (see `Completed.failed`).
        """
        request = executor_pb2.RunRequest(
            stages=[_stage(stage, f"stages[{index}]") for index, stage in enumerate(stages)],
            stdin=stdin,
            timeout=_duration(timeout),
            max_output_bytes=max_output_bytes,
        )
        response = await self._peer.call(
            self._stub.Run, request, instead="send the input in pieces through spawn()"
        )
        completed = outcome.from_response(response)
        if check:
            completed.check()
        return completed

    def spawn(
        self,
        program: str,
        arguments: Arguments | None = None,
        /,
        *,
        timeout: float | None = None,
        **more: object,
    ) -> Spawned:
        """A program with its streams live; starts on entering the context.

        async with client.executor.spawn("ffmpeg", input="a.mp4", output="b.webm") as run:
            async for event in run:
                ...

        Args:
            arguments: As for `run`.
            timeout: As for `run`.
            more: As for `run`.
        """
        stage = _stage((program, {**(arguments or {}), **more}), "start.stage")
        start = executor_pb2.Start(stage=stage, timeout=_duration(timeout))
        return Spawned(self._stub.Spawn, start, self._peer)

    def __getattr__(self, program: str) -> Callable[..., Awaitable[outcome.Completed]]:
        # Underscored names are asked for by copy, pickle and REPLs; no program has one.
        if program.startswith("_"):
            raise AttributeError(program)
        return functools.partial(self.run, program)


def _stage(stage: Stage, field: str) -> executor_pb2.Stage:
    program, arguments = (stage, {}) if isinstance(stage, str) else stage
    texts = {name: to_text(value, f"{field}.arguments.{name}") for name, value in arguments.items()}
    return executor_pb2.Stage(program=program, arguments=texts)


def _duration(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
