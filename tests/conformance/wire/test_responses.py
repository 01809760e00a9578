"""What a server's answers look like on the wire (PROTOCOL-HTTP2.md, "Responses")."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from tests.conformance.wire import frames
from tests.conformance.wire.conftest import request
from tests.conformance.wire.connection import Answer, Connection
from tests.conformance.wire.frames import message


async def abort(wire: Connection, details: str) -> Answer:
    wire.headers(1, request("Fail"))
    wire.data(1, message(details.encode()), end=True)
    return await wire.answer(1)


async def test_trailers_only_is_one_frame(wire: Connection) -> None:
    """HEADERS and an empty DATA with END_STREAM instead break every client (grpc-go#577)."""
    answer = await abort(wire, "no")
    (only,) = [frame for frame in answer.frames if frame.type != frames.RST_STREAM]
    assert only.type == frames.HEADERS
    assert only.flags & frames.END_STREAM
    assert answer.headers[":status"] == "200"
    assert answer.headers["content-type"].startswith("application/grpc")
    assert answer.headers["grpc-status"] == "10"
    assert answer.headers["a"] == "1"


async def test_an_unknown_method_is_trailers_only(wire: Connection) -> None:
    wire.headers(1, request("Nobody"))
    wire.data(1, message(b""), end=True)
    answer = await wire.answer(1)
    assert len(answer.blocks) == 1
    assert answer.headers["content-type"].startswith("application/grpc")


@pytest.mark.parametrize(
    ("details", "sent"),
    [
        ("plain, with: punctuation!", "plain, with: punctuation!"),
        ("100%", "100%25"),
        ("%41", "%2541"),
        ("a\tb\r\nc", "a%09b%0D%0Ac"),
        ("☺", "%E2%98%BA"),
        ("😈", "%F0%9F%98%88"),
        ("~\x7f", "~%7F"),
        ("\x00", "%00"),
    ],
    ids=repr,
)
async def test_details_are_percent_encoded(wire: Connection, details: str, sent: str) -> None:
    """Printable ASCII but % stays; every other octet of the UTF-8 is %XX."""
    answer = await abort(wire, details)
    assert answer.headers["grpc-message"].upper() == sent.upper()
    assert unquote(answer.headers["grpc-message"]) == details


async def test_every_message_has_a_prefix(wire: Connection) -> None:
    wire.headers(1, request("Repeat"))
    wire.data(1, message(b"0") + message(b"1") + message(b"20000"), end=True)
    answer = await wire.answer(1)
    assert [len(each) for each in answer.messages] == [0, 1, 20000]
    assert answer.status == 0


async def test_pseudo_headers_come_first_and_names_are_lower_case(wire: Connection) -> None:
    for answer in await abort(wire, "no"), await echo(wire, 3):
        for block in answer.blocks:
            names = [name for name, _ in block]
            assert names == sorted(names, key=lambda name: not name.startswith(":"))
            assert names == [name.lower() for name in names]
            assert "connection" not in names
        assert [":status" in dict(block) for block in answer.blocks] == [
            True,
            *[False] * (len(answer.blocks) - 1),
        ]


async def echo(wire: Connection, stream: int) -> Answer:
    wire.headers(stream, request("Echo"))
    wire.data(stream, message(b"hi"), end=True)
    return await wire.answer(stream)


async def test_an_answer_before_the_half_close(wire: Connection) -> None:
    """Is complete; the server may then ask for no more with NO_ERROR, and with nothing else."""
    wire.headers(1, request("Early"))
    answer = await wire.answer(1)
    await wire.ping()
    assert answer.ended
    assert answer.messages == [b"early"]
    assert answer.status == 0
    assert answer.reset in (None, frames.NO_ERROR)


async def test_what_comes_after_an_early_answer_is_ignored(wire: Connection) -> None:
    """It may have been under way; the connection's window gets its octets back."""
    for stream in range(1, 200, 2):
        wire.headers(stream, request("Early"))
        wire.data(stream, message(bytes(900)))
        await wire.answer(stream)
        wire.data(stream, message(bytes(900)))
    await wire.ping()
    # By now more than a window has gone to calls that nobody read.
    assert (await echo(wire, 201)).messages == [b"hi"]
    assert not wire.goaways
