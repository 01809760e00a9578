"""Several programs joined by kernel pipes, their output collected: Run.

The service holds only the outer ends. A program that ends early gives the one before it SIGPIPE and
the one after it an end of input, as in a shell; so does one that could not be started.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from tercet.executor.command import Command
from tercet.executor.config import STDERR_TAIL
from tercet.executor.descriptors import Descriptors
from tercet.executor.execution import Execution
from tercet.executor.outcome import (
    Abandoned,
    Ending,
    OutputLimit,
    TimeLimit,
    not_started,
    succeeded,
)
from tercet.executor.pipes import Reader, Writer
from tercet.executor.process import Process
from tercet.executor.spawn import Launch, Spawner
from tercet.executor.v1 import executor_pb2 as pb


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long and how much.

    Attributes:
        timeout: Seconds of wall time.
        output_bytes: Most bytes of output that are collected.
        grace: Seconds between SIGTERM and SIGKILL.
        settle: Seconds that a pipe may stay open after its program's exit.
    """

    timeout: float
    output_bytes: int
    grace: float
    settle: float


class Pipeline:
    """A run of one or more commands. Owns the commands; `run` it once."""

    def __init__(
        self, spawner: Spawner, commands: Sequence[Command], stdin: bytes, limits: Limits
    ) -> None:
        self._spawner = spawner
        self._commands = commands
        self._stdin = stdin
        self._limits = limits
        self._executions: list[Execution] = []
        self._ending: Ending | None = None
        self._at_once = False
        self._overflowed = False

    def abandon(self, *, at_once: bool) -> None:
        self._at_once |= at_once
        self._stop(Abandoned())

    async def run(self) -> pb.RunResponse:
        """Runs the programs until all have ended.

        Raises:
            ResourceExhausted: The server has no descriptors left.
            FailedPrecondition: A finished output could not be put in its place.
        """
        try:
            with Descriptors() as descriptors:
                return await self._run(descriptors)
        finally:
            for command in self._commands:
                command.close()

    async def _run(self, descriptors: Descriptors) -> pb.RunResponse:
        loop = asyncio.get_running_loop()
        # All of them first: nothing is started that could not be joined.
        stdin, feed = descriptors.writer() if self._stdin else (descriptors.null(), None)
        joints = [descriptors.pipe() for _ in self._commands[1:]]
        last, stdout = descriptors.reader()
        stderrs = [descriptors.reader() for _ in self._commands]

        inputs = [stdin, *(reading for reading, _ in joints)]
        outputs = [*(writing for _, writing in joints), stdout]
        starts: list[asyncio.Task[pb.Outcome]] = []
        for command, source, sink, (reader, stderr) in zip(
            self._commands, inputs, outputs, stderrs, strict=True
        ):
            held = [reader, last] if sink == stdout else [reader]
            launch = command.launch(stdin=source, stdout=sink, stderr=stderr)
            try:
                starts.append(await self._start(launch, held))
            except BaseException:
                self.abandon(at_once=True)
                await asyncio.gather(*starts)
                raise
            descriptors.close(source, sink, stderr)

        timer = loop.call_later(self._limits.timeout, self._stop, TimeLimit(self._limits.timeout))
        feeder = loop.create_task(_feed(feed, self._stdin))
        collector = loop.create_task(self._collect(last))
        tails = [loop.create_task(_tail(reader)) for reader, _ in stderrs]
        await asyncio.wait([collector, *starts, *tails])
        timer.cancel()
        # A process that left its group may still hold the input.
        feeder.cancel()
        await asyncio.wait([feeder])
        return self._response(
            collector.result(),
            [start.result() for start in starts],
            [tail.result() for tail in tails],
        )

    async def _start(self, launch: Launch, held: list[Reader]) -> asyncio.Task[pb.Outcome]:
        loop = asyncio.get_running_loop()
        try:
            child = await self._spawner.spawn(launch)
        except OSError as error:
            return loop.create_task(_not_started(error))
        execution = Execution(
            Process(child), held, grace=self._limits.grace, settle=self._limits.settle
        )
        self._executions.append(execution)
        # Told to stop while it was being started.
        if self._ending is not None:
            self._stop(self._ending)
        return loop.create_task(execution.finish())

    async def _collect(self, reader: Reader) -> bytes:
        limit = self._limits.output_bytes
        collected = bytearray()
        while data := await reader.read():
            collected += data
            if len(collected) > limit:
                self._overflowed = True
                self._stop(OutputLimit(limit))
                # The programs need not wait for SIGTERM to stop writing.
                reader.close()
        return bytes(collected[:limit])

    def _stop(self, ending: Ending) -> None:
        self._ending = self._ending or ending
        for execution in self._executions:
            execution.stop(self._ending)
            if self._at_once:
                execution.kill(self._ending)

    def _response(
        self,
        collected: bytes,
        outcomes: Sequence[pb.Outcome],
        stderrs: Sequence[tuple[bytes, int]],
    ) -> pb.RunResponse:
        response = pb.RunResponse(stdout=collected)
        if self._overflowed:
            # Also where the last program had ended already: its output is not whole.
            outcomes[-1].output_limit.limit_bytes = self._limits.output_bytes
        for command, outcome, (stderr, dropped) in zip(
            self._commands, outcomes, stderrs, strict=True
        ):
            # A program may answer SIGTERM with 0, its work half done.
            if self._ending is None and succeeded(outcome):
                command.commit()
            response.stages.add(
                program=command.program,
                outcome=outcome,
                stderr=stderr,
                stderr_dropped_bytes=dropped,
            )
        return response


async def _not_started(error: OSError) -> pb.Outcome:
    return not_started(error)


async def _tail(reader: Reader) -> tuple[bytes, int]:
    """The last bytes of a stream, and how many came before."""
    kept = bytearray()
    dropped = 0
    while data := await reader.read():
        kept += data
        # Trimmed by halves, so that bytes are moved once on average.
        if len(kept) > 2 * STDERR_TAIL:
            dropped += len(kept) - STDERR_TAIL
            del kept[:-STDERR_TAIL]
    dropped += max(0, len(kept) - STDERR_TAIL)
    return bytes(kept[-STDERR_TAIL:]), dropped


async def _feed(writer: Writer | None, data: bytes) -> None:
    if writer is None:
        return
    # A program may end, or close its input, before it has read all.
    with contextlib.suppress(BrokenPipeError):
        await writer.write(data)
    writer.close()
