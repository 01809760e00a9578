"""The access log: one line of JSON for each sampled call, off the calls' path.

Theory of operation. The data plane keeps a record of each sampled call that has ended. Ten times a
second they are taken over; a thread makes lines of them and writes them. One write is under way at
a time; while a slow disk or reader holds it up, records wait, up to MOST_WAITING, and what is
beyond is dropped and counted. Calls never wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import grpc
import msgspec

from tercet.errors import ConfigError
from tercet.gateway.observed import CallRecord

log = logging.getLogger("tercet.gateway")

# Seconds.
INTERVAL = 0.1
# Seconds that the end waits for the last lines to be written.
PARTING = 1.0
MOST_WAITING = 20_000
# The last resort against a path that is longer than any log wants: characters.
LONGEST_PATH = 1024
STDOUT = "-"
CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class Line(msgspec.Struct, frozen=True):
    """The fields of a line, in their order; docs/gateway-operations.md has the same table."""

    # When the request's headers came, RFC 3339 in UTC.
    time: datetime
    # "/package.Service/Method".
    method: str
    # The client's address, as gRPC writes it: "ipv4:127.0.0.1:50123".
    peer: str
    # Name of the gRPC status that the client got.
    code: str
    # Name of the Reason, if the gateway itself has failed the call; else "".
    reason: str
    upstream: str
    # Identity of the endpoint that had it last, or "".
    endpoint: str
    # From the request's headers to the status, s.
    seconds: float
    # Of those, in the gateway's queue, s.
    queued_seconds: float
    # Of messages with their heads of five bytes each.
    request_bytes: int
    response_bytes: int
    # Endpoints that were tried.
    attempts: int


class AccessLog:
    """Runs on the gateway's loop from `start` to `close`.

    Args:
        take: Gives the records since the last time: `Plane.take_log`.
        where: Path of a file, which is appended to, or "-" for standard output. A file that has
            been renamed or removed (logrotate) is left for a new one of that name within a
            second of the next call; on `reopen` at once.

    Raises:
        ConfigError: The file cannot be opened.
    """

    def __init__(self, take: Callable[[], Iterable[CallRecord]], where: str) -> None:
        self._take = take
        self._sink = _Sink(where)
        self._waiting: list[CallRecord] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="access-log")
        self._task: asyncio.Task[None] | None = None
        # Records that could not be written.
        self.dropped = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def reopen(self) -> None:
        """Opens the file anew before the next line."""
        self._sink.stale = True

    async def close(self) -> None:
        """Writes what there is, unless that takes too long."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._collect()
        last = asyncio.get_running_loop().run_in_executor(
            self._thread, self._sink.write, self._waiting
        )
        self._thread.shutdown(wait=False)
        done, _ = await asyncio.wait([last], timeout=PARTING)
        if done:
            self._written(last)
            self._sink.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        writing: asyncio.Future[int] | None = None
        while True:
            await asyncio.sleep(INTERVAL)
            self._collect()
            if writing is not None and writing.done():
                self._written(writing)
                writing = None
            if writing is None and self._waiting:
                batch, self._waiting = self._waiting, []
                writing = loop.run_in_executor(self._thread, self._sink.write, batch)

    def _written(self, writing: asyncio.Future[int]) -> None:
        try:
            self.dropped += writing.result()
        except Exception:
            # A bug; but a log that ends with it would be a worse one.
            log.exception("records of calls could not be made lines of")

    def _collect(self) -> None:
        records = list(self._take())
        room = MOST_WAITING - len(self._waiting)
        self._waiting += records[:room]
        self.dropped += max(0, len(records) - room)


class _Sink:
    """Where lines go. Used by the log's thread, but for `stale`."""

    def __init__(self, where: str) -> None:
        self._path = where
        self._encoder = msgspec.json.Encoder()
        self._looked = time.monotonic()
        self._failing = False
        self.stale = False
        try:
            self._file = 1 if where == STDOUT else _open(where)
        except OSError as error:
            raise ConfigError(
                f"cannot open the access log {where}: {error.strerror}", reason="ACCESS_LOG"
            ) from error

    def write(self, records: Sequence[CallRecord]) -> int:
        """Writes a line for each, and returns how many could not be written."""
        lines = [self._encoder.encode(line_of(CallRecord(*record))) for record in records]
        written = 0
        try:
            self._freshen()
            for some in _together(lines):
                _write(self._file, b"\n".join([*some, b""]))
                written += len(some)
            self._failing = False
        except OSError as error:
            # Once, not for each tenth of a second of a full disk.
            if not self._failing:
                log.warning("the access log %s cannot be written: %s", self._path, error.strerror)
            self._failing = True
            self.stale = True
        return len(lines) - written

    def close(self) -> None:
        if self._path != STDOUT:
            os.close(self._file)

    def _freshen(self) -> None:
        if self._path == STDOUT:
            return
        now = time.monotonic()
        if self.stale or (now - self._looked > 1.0 and self._was_moved()):
            self.stale = False
            fresh = _open(self._path)
            os.close(self._file)
            self._file = fresh
            self._looked = now

    def _was_moved(self) -> bool:
        self._looked = time.monotonic()
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return True
        return not os.path.samestat(there, os.fstat(self._file))


def line_of(record: CallRecord) -> Line:
    return Line(
        time=datetime.fromtimestamp(record.begin, UTC),
        method=record.path[:LONGEST_PATH],
        peer=record.peer,
        code=CODES.get(record.code, str(record.code)),
        reason=record.reason,
        upstream=record.upstream,
        endpoint=record.endpoint,
        seconds=round(record.seconds, 6),
        queued_seconds=round(record.queued_seconds, 6),
        request_bytes=record.request_bytes,
        response_bytes=record.response_bytes,
        attempts=record.attempts,
    )


def _together(lines: Sequence[bytes]) -> Iterable[list[bytes]]:
    """Lines for one write each, which other processes' lines do not break into (pipe(7))."""
    some: list[bytes] = []
    size = 0
    for line in lines:
        if some and size + len(line) + 1 > select.PIPE_BUF:
            yield some
            some, size = [], 0
        some.append(line)
        size += len(line) + 1
    if some:
        yield some


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(file, rest) :]
        except BlockingIOError:
            # Standard output may have been made non-blocking by whoever else has it.
            select.select([], [file], [])


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
