"""One program with its streams live: Spawn.

Theory of operation. Tasks move between the call and the program, each waiting on one thing only:
those of `inbox` take requests and write input, `_deliver` sends output, one pump per pipe. A pump
reads again when its last event has been taken by the call's flow control, so a client that does not
read stops the pump, which stops the program. The end has an order: the process is reaped, then
what its pipes still hold is delivered at the client's pace, then `exited` is sent.

Whoever fails first (the client breaks the protocol, the call breaks) ends the program; the failure
is raised when nothing of the program is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from tercet.executor import outcome as outcomes
from tercet.executor import probe
from tercet.executor.command import Command
from tercet.executor.descriptors import Descriptors
from tercet.executor.execution import Execution
from tercet.executor.inbox import Inbox
from tercet.executor.outcome import Abandoned, TimeLimit
from tercet.executor.pipeline import Limits, Pipeline
from tercet.executor.pipes import Reader, Writer
from tercet.executor.process import Process
from tercet.executor.progress import FfmpegProgress, Report
from tercet.executor.spawn import Spawner
from tercet.executor.v1 import executor_pb2 as pb

Send = Callable[[pb.SpawnResponse], Awaitable[None]]


class Session:
    """A run of one command. Owns the command and the descriptors; `run` it once.

    Args:
        requests: What the client sends after `start`.
        send: Sends an event; returns when the call's flow control has taken it.
        progress: Our end of the pipe on which the program tells its progress, and its number for
            the program; both in `descriptors`.
        limits: `output_bytes` is not used.
    """

    def __init__(
        self,
        spawner: Spawner,
        command: Command,
        requests: AsyncIterator[pb.SpawnRequest],
        send: Send,
        descriptors: Descriptors,
        progress: tuple[Reader, int] | None,
        limits: Limits,
    ) -> None:
        self._spawner = spawner
        self._command = command
        self._requests = requests
        self._send_event = send
        self._descriptors = descriptors
        self._progress = progress
        self._limits = limits
        self._probe: Pipeline | None = None
        self._execution: Execution | None = None
        self._delivery: asyncio.Task[None] | None = None
        self._abandoned = False
        self._at_once = False
        self._failure: BaseException | None = None
        self._duration: float | None = None
        self._report: Report | None = None
        # gRPC takes one message of a call at a time.
        self._sending = asyncio.Lock()

    def abandon(self, *, at_once: bool) -> None:
        self._abandoned = True
        self._at_once |= at_once
        if self._probe is not None:
            self._probe.abandon(at_once=at_once)
        if self._execution is not None:
            self._execution.stop(Abandoned())
            if self._at_once:
                self._execution.kill(Abandoned())
        if self._delivery is not None:
            self._delivery.cancel()

    async def run(self) -> None:
        """Runs the program until it has ended and everything is delivered.

        Raises:
            ResourceExhausted: The server has no descriptors left.
            InvalidArgument: The client broke the protocol; the program was ended.
            FailedPrecondition: A finished output could not be put in its place.
        """
        try:
            with self._descriptors:
                await self._run(self._descriptors)
        finally:
            self._command.close()

    async def _run(self, descriptors: Descriptors) -> None:
        stdin, writer = descriptors.writer()
        stdout_reader, stdout = descriptors.reader()
        stderr_reader, stderr = descriptors.reader()
        readers = [stdout_reader, stderr_reader]
        channels = []
        if self._progress is not None:
            readers.append(self._progress[0])
            channels.append(self._progress[1])
            await self._find_duration()
            if not self._wanted():
                return
        try:
            child = await self._spawner.spawn(
                self._command.launch(stdin=stdin, stdout=stdout, stderr=stderr)
            )
        except OSError as error:
            await self._conclude(outcomes.not_started(error))
            return
        execution = self._execution = Execution(
            Process(child), readers, grace=self._limits.grace, settle=self._limits.settle
        )
        descriptors.close(stdin, stdout, stderr, *channels)
        outcome = await self._converse(execution, writer, readers)
        if self._failure is not None:
            raise self._failure
        if not self._wanted():
            return
        if outcomes.succeeded(outcome):
            self._command.commit()
        await self._conclude(outcome)

    async def _converse(
        self, execution: Execution, writer: Writer, readers: list[Reader]
    ) -> pb.Outcome:
        """Everything between the start and the end."""
        loop = asyncio.get_running_loop()
        timeout = self._limits.timeout
        timer = loop.call_later(timeout, execution.stop, TimeLimit(timeout))
        self._delivery = loop.create_task(self._deliver(execution.pid, readers))
        inbox = Inbox(self._requests, execution, writer)
        inbound = [loop.create_task(inbox.obey()), loop.create_task(inbox.feed())]
        for task in (self._delivery, *inbound):
            task.add_done_callback(self._note_failure)
        # Told to stop while it was being started.
        if self._abandoned:
            self.abandon(at_once=self._at_once)
        outcome = await execution.finish()
        timer.cancel()
        for task in inbound:
            task.cancel()
        await asyncio.wait([self._delivery, *inbound])
        return outcome

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = self._failure or failure
            self.abandon(at_once=False)

    def _wanted(self) -> bool:
        return not self._abandoned

    async def _find_duration(self) -> None:
        if not self._command.inputs:
            return
        self._probe = Pipeline(
            self._spawner,
            [probe.command(self._command.argv[0].decode(), self._command.inputs[0])],
            b"",
            Limits(
                timeout=probe.TIMEOUT,
                output_bytes=4096,
                grace=self._limits.grace,
                settle=self._limits.settle,
            ),
        )
        self._duration = probe.duration(await self._probe.run())

    async def _deliver(self, pid: int, readers: list[Reader]) -> None:
        await self._send(pb.SpawnResponse(started=pb.Started(pid=pid)))
        stdout, stderr, *progress = readers
        async with asyncio.TaskGroup() as pumps:
            pumps.create_task(self._pump(stdout, lambda data: [pb.SpawnResponse(stdout=data)]))
            pumps.create_task(self._pump(stderr, lambda data: [pb.SpawnResponse(stderr=data)]))
            parser = FfmpegProgress()
            for reader in progress:
                pumps.create_task(
                    self._pump(reader, lambda data: map(self._progressed, parser.feed(data)))
                )

    async def _pump(
        self, reader: Reader, events: Callable[[bytes], Iterable[pb.SpawnResponse]]
    ) -> None:
        while data := await reader.read():
            for event in events(data):
                await self._send(event)

    async def _send(self, event: pb.SpawnResponse) -> None:
        async with self._sending:
            await self._send_event(event)

    async def _conclude(self, outcome: pb.Outcome) -> None:
        events = [pb.SpawnResponse(exited=outcome)]
        if outcomes.succeeded(outcome) and self._duration is not None:
            # ffmpeg's own last report may fall short of the duration.
            events.insert(0, self._progressed(self._report or Report()))
            events[0].progress.fraction = 1.0
        # A task, so that `abandon` can end it.
        self._delivery = asyncio.create_task(self._send_all(events))
        await asyncio.wait([self._delivery])
        if not self._delivery.cancelled():
            self._delivery.result()

    async def _send_all(self, events: list[pb.SpawnResponse]) -> None:
        for event in events:
            await self._send(event)

    def _progressed(self, report: Report) -> pb.SpawnResponse:
        self._report = report
        progress = pb.Progress(
            position=outcomes.duration(report.position), frames=report.frames, speed=report.speed
        )
        if self._duration is not None:
            progress.fraction = min(1.0, report.position / self._duration)
            progress.duration.CopyFrom(outcomes.duration(self._duration))
        return pb.SpawnResponse(progress=progress)
