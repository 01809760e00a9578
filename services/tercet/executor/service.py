"""The servicer of tercet.executor.v1.Executor, and how a worker starts it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc.aio
import msgspec

from tercet.errors import ConfigError, InvalidArgument
from tercet.executor import catalogue, describe
from tercet.executor.admission import admit, program_of, time_limit
from tercet.executor.config import MAX_STAGES, ExecutorConfig
from tercet.executor.descriptors import Descriptors
from tercet.executor.media import MediaRoot
from tercet.executor.pipeline import Limits, Pipeline
from tercet.executor.running import Running
from tercet.executor.session import Session
from tercet.executor.spawn import Spawner
from tercet.executor.v1 import executor_pb2 as pb
from tercet.executor.v1 import executor_pb2_grpc

# Seconds for SIGTERM at the end of the service, and as many for SIGKILL: together within the second
# that a worker has when its supervisor died.
LAST_GRACE = 0.4

_RunContext = grpc.aio.ServicerContext[pb.RunRequest, pb.RunResponse]
_SpawnContext = grpc.aio.ServicerContext[pb.SpawnRequest, pb.SpawnResponse]
_ListContext = grpc.aio.ServicerContext[pb.ListProgramsRequest, pb.ListProgramsResponse]


class Executor(executor_pb2_grpc.ExecutorServicer):
    """Runs the programs of a catalogue. `close` it in the end.

    Raises:
        ConfigError: The catalogue or the media root cannot be used.
    """

    def __init__(self, config: ExecutorConfig) -> None:
        self._config = config
        self._catalogue = catalogue.load(config.catalogue)
        self._media = MediaRoot(config.media_root) if config.media_root else None
        self._running = Running(config.max_programs)
        self._spawner = Spawner()

    async def close(self) -> None:
        """Ends all programs."""
        await self._running.close(LAST_GRACE)
        self._spawner.close()
        if self._media is not None:
            self._media.close()

    async def ListPrograms(
        self, request: pb.ListProgramsRequest, context: _ListContext
    ) -> pb.ListProgramsResponse:
        return pb.ListProgramsResponse(programs=map(describe.program, self._catalogue.values()))

    async def Run(self, request: pb.RunRequest, context: _RunContext) -> pb.RunResponse:
        stages = list(request.stages)
        most = min(MAX_STAGES, self._config.max_programs)
        if not 1 <= len(stages) <= most:
            raise InvalidArgument(
                f"there are {len(stages)} stages",
                field="stages",
                hint=f"give 1 to {most}",
                reason="STAGE_COUNT_OUT_OF_RANGE",
            )
        self._running.check(len(stages))
        programs = [
            program_of(self._catalogue, stage, f"stages[{index}]")
            for index, stage in enumerate(stages)
        ]
        allowed = min(program.timeout for program in programs)
        timeout = request.timeout if request.HasField("timeout") else None
        limits = self._limits(time_limit(timeout, allowed, "timeout"), self._output(request))
        with contextlib.ExitStack() as opened:
            commands = []
            for index, (program, stage) in enumerate(zip(programs, stages, strict=True)):
                commands.append(command := admit(program, stage, self._media, f"stages[{index}]"))
                opened.callback(command.close)
            opened.pop_all()
        pipeline = Pipeline(self._spawner, commands, request.stdin, limits)
        return await self._running.guard(pipeline, len(commands))

    # Reads and writes explicitly, and is no generator: when the call is cancelled, a coroutine is
    # told at once, a generator only when it is collected.
    async def Spawn(  # type: ignore[override]
        self, request_iterator: AsyncIterator[pb.SpawnRequest], context: _SpawnContext
    ) -> None:
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None or first.WhichOneof("request") != "start":
            raise InvalidArgument(
                "the first request is not `start`",
                field="start",
                hint="send `start` with the program before anything else",
                reason="OUT_OF_ORDER",
            )
        session = self._session(first.start, requests, context.write)
        await self._running.guard(session, 1)

    def _session(
        self,
        start: pb.Start,
        requests: AsyncIterator[pb.SpawnRequest],
        send: Callable[[pb.SpawnResponse], Awaitable[None]],
    ) -> Session:
        self._running.check(1)
        program = program_of(self._catalogue, start.stage, "start.stage")
        timeout = start.timeout if start.HasField("timeout") else None
        limits = self._limits(time_limit(timeout, program.timeout, "start.timeout"), 0)
        with contextlib.ExitStack() as opened:
            descriptors = opened.enter_context(Descriptors())
            progress = descriptors.reader() if program.progress else None
            command = admit(
                program, start.stage, self._media, "start.stage", progress and progress[1]
            )
            opened.pop_all()
        return Session(self._spawner, command, requests, send, descriptors, progress, limits)

    def _output(self, request: pb.RunRequest) -> int:
        most = self._config.max_output_bytes
        if not 0 <= request.max_output_bytes <= most:
            raise InvalidArgument(
                f"max_output_bytes is {request.max_output_bytes}",
                field="max_output_bytes",
                hint=f"at most {most}; Spawn streams any amount",
                reason="OUTPUT_LIMIT_OUT_OF_RANGE",
            )
        return request.max_output_bytes or most

    def _limits(self, timeout: float, output_bytes: int) -> Limits:
        return Limits(
            timeout=timeout,
            output_bytes=output_bytes,
            grace=self._config.grace_seconds,
            settle=self._config.settle_seconds,
        )


def register(server: grpc.aio.Server, **options: Any) -> Callable[[], Awaitable[None]]:
    """Adds the executor to a server; answers what must be awaited after it has stopped.

    Args:
        options: The keys of `ExecutorConfig`.

    Raises:
        ConfigError: An option is unknown or wrong.
    """
    try:
        config = msgspec.convert(options, ExecutorConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"the section [executor] is wrong: {error}",
            hint="docs/executor.md describes its keys",
        ) from None
    executor = Executor(config)
    executor_pb2_grpc.add_ExecutorServicer_to_server(executor, server)
    return executor.close
