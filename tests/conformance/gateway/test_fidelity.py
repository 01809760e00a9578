"""What one side says, the other hears: fields, bodies, ends."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.conformance.gateway.conftest import Scene
from tests.conformance.gateway.vices.honest import FIELDS, INITIAL, TRAILING
from tests.conformance.wire import frames
from tests.conformance.wire.conftest import request
from tests.conformance.wire.connection import Answer, Connection, Pairs, connect
from tests.conformance.wire.frames import Fields, message
from tests.support import eventually

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
METADATA: Fields = [
    (b"x-first", b"1"),
    (b"x-second-bin", b"/w"),
    (b"x-first", b"2"),
    (b"traceparent", TRACE),
    (b"tracestate", b"a=1"),
    (b"x-second-bin", b"gIA"),
    (b"user-agent", b"by-hand/1"),
    (b"grpc-encoding", b"gzip"),
    (b"grpc-accept-encoding", b"gzip"),
]


@pytest.fixture
async def wire(scene: Scene) -> AsyncIterator[Connection]:
    async with asyncio.timeout(60), connect(scene.front.port) as connection:
        yield connection


def said(fields: Fields) -> Pairs:
    return [(name.decode(), value.decode()) for name, value in fields]


def custom(pairs: Pairs, prefixes: tuple[str, ...] = ("x-", "t-", "trace")) -> Pairs:
    return [pair for pair in pairs if pair[0].startswith(prefixes)]


def begin(wire: Connection, scene: Scene, name: str, *, timeout: bytes | None = None) -> None:
    wire.headers(1, request("", path=scene.path(name), grpc_timeout=timeout))


async def told(scene: Scene, wire: Connection, more: Fields) -> Pairs:
    """The fields that the upstream sees."""
    seen = len(scene.upstreams.notes("tells"))
    wire.headers(1, [*request("", path=scene.path("tells")), *more])
    wire.data(1, message(b"hello"), end=True)
    assert (await wire.answer(1)).status == 0
    notes = scene.upstreams.notes("tells")[seen:]
    (fields,) = [note.removeprefix(FIELDS) for note in notes if note.startswith(FIELDS)]
    pairs: Pairs = ast.literal_eval(fields)
    return pairs


async def test_metadata_of_a_request(scene: Scene, wire: Connection) -> None:
    """As it was, in its order."""
    fields = await told(scene, wire, METADATA)
    assert custom(fields) == custom(said(METADATA))
    for name in "user-agent", "grpc-encoding", "grpc-accept-encoding":
        assert dict(fields)[name] == dict(said(METADATA))[name]
    assert dict(fields)[":path"] == scene.path("tells").decode()
    assert dict(fields)[":method"] == "POST"
    assert dict(fields)["te"] == "trailers"
    assert dict(fields)["content-type"] == "application/grpc"


async def test_no_timeout_is_made_up(scene: Scene, wire: Connection) -> None:
    assert "grpc-timeout" not in dict(await told(scene, wire, []))


@pytest.mark.parametrize("timeout", [b"10S", b"9000000u", b"8000m", b"1M", b"1H", b"99999999u"])
async def test_a_timeout_is_reduced(scene: Scene, wire: Connection, timeout: bytes) -> None:
    units = {"H": 3600, "M": 60, "S": 1, "m": 1e-3, "u": 1e-6, "n": 1e-9}

    def seconds(text: str) -> float:
        assert len(text) <= 9, "a timeout has at most eight digits"
        return int(text[:-1]) * units[text[-1]]

    fields = dict(await told(scene, wire, [(b"grpc-timeout", timeout)]))
    left = seconds(fields["grpc-timeout"])
    # Never more than there is, and not much less: half of it would be another deadline.
    assert seconds(timeout.decode()) / 2 < left <= seconds(timeout.decode())


async def test_metadata_of_an_answer(scene: Scene, wire: Connection) -> None:
    begin(wire, scene, "tells")
    wire.data(1, message(b"hello"), end=True)
    answer = await wire.answer(1)
    head, trailers = answer.blocks
    assert custom(head) == said(INITIAL)
    assert [pair for pair in trailers if pair[0] != "grpc-status"] == said(TRAILING)


async def test_trailers_only(scene: Scene, wire: Connection) -> None:
    """One frame, which ends the stream: more than that, clients take for an answer."""
    begin(wire, scene, "refuses")
    wire.data(1, message(b"hello"), end=True)
    answer = await wire.answer(1)
    (frame,) = [each for each in answer.frames if each.type != frames.WINDOW_UPDATE]
    assert frame.type == frames.HEADERS
    assert frame.flags & frames.END_STREAM
    (block,) = answer.blocks
    assert answer.status == 9
    assert custom(block) == custom(said(TRAILING))
    assert answer.trailers["grpc-message"] == "all%20is%20well"
    assert answer.trailers["grpc-status-details-bin"] == "CAkSA25v"


async def test_octets_pass_as_they_come(scene: Scene, wire: Connection) -> None:
    """Compressed or not, whole messages or not: a gateway knows of neither."""
    begin(wire, scene, "echoes")
    sent = b""
    for piece in message(b"\x1f\x8b...", compressed=True), b"\0\0", b"\0\0\x05", b"hello":
        wire.data(1, piece)
        sent += piece
        await wire.until(lambda: len(wire.answers.get(1, Answer()).data) == len(sent))  # noqa: B023
    assert not wire.answers[1].closed
    wire.data(1, b"", end=True)
    assert (await wire.answer(1)).status == 0
    assert wire.answers[1].data == sent


async def test_the_half_close_passes_when_it_comes(scene: Scene, wire: Connection) -> None:
    before = scene.upstreams.notes("echoes").count("whole")
    begin(wire, scene, "echoes")
    wire.data(1, message(b"hello"))
    await wire.until(lambda: wire.answers.get(1, Answer()).data != b"")
    await wire.ping()
    assert scene.upstreams.notes("echoes").count("whole") == before
    wire.data(1, b"", end=True)
    await wire.answer(1)
    assert scene.upstreams.notes("echoes").count("whole") == before + 1


async def test_an_answer_before_the_request_has_ended(scene: Scene, wire: Connection) -> None:
    """It is whole; after it the stream may be reset with NO_ERROR (RFC 9113 section 8.1)."""
    begin(wire, scene, "answers early")
    wire.data(1, message(b"hello"))
    answer = await wire.answer(1)
    assert (answer.status, answer.messages) == (0, [b"hi"])
    # What comes late disturbs nobody.
    wire.data(1, message(b"late"), end=True)
    await wire.ping()
    assert answer.reset in (None, frames.NO_ERROR)
    assert not wire.goaways


@pytest.mark.parametrize("code", [frames.CANCEL, frames.NO_ERROR, frames.INTERNAL_ERROR])
async def test_a_cancelled_call_ends_at_the_upstream(
    scene: Scene, wire: Connection, code: int
) -> None:
    """Whatever the client's code was: to the upstream the call is cancelled."""
    before = seen(scene, "silent")
    begin(wire, scene, "silent")
    wire.data(1, message(b"hello"), end=True)
    await eventually(lambda: seen(scene, "silent")["call"] > before["call"])
    wire.reset(1, code)
    await eventually(lambda: seen(scene, "silent")["reset"] > before["reset"])
    assert scene.upstreams.notes("silent")[-1] == "reset 8"
    await wire.ping()
    assert 1 not in wire.answers


async def test_a_lost_client_ends_its_calls_at_the_upstream(scene: Scene) -> None:
    before = seen(scene, "silent")
    async with connect(scene.front.port) as lost:
        for stream in 1, 3, 5:
            lost.headers(stream, request("", path=scene.path("silent")))
            lost.data(stream, message(b"hello"), end=True)
        await eventually(lambda: seen(scene, "silent")["call"] == before["call"] + 3)
    await eventually(lambda: seen(scene, "silent")["reset"] == before["reset"] + 3)


async def test_a_deadline_ends_the_call_at_the_upstream(scene: Scene, wire: Connection) -> None:
    before = seen(scene, "silent")
    begin(wire, scene, "silent", timeout=b"100m")
    wire.data(1, message(b"hello"), end=True)
    assert (await wire.answer(1)).status == 4
    await eventually(lambda: seen(scene, "silent")["reset"] > before["reset"])
    assert scene.upstreams.notes("silent")[-1] == "reset 8"


def seen(scene: Scene, name: str) -> dict[str, int]:
    """How many calls an upstream has seen, and how many of them reset."""
    kinds = [note.split()[0] for note in scene.upstreams.notes(name)]
    return {kind: kinds.count(kind) for kind in ("call", "reset")}
