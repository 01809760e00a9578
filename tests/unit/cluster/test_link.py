"""Messages over a socketpair, and noticing that the peer is gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import msgspec
import pytest

from tercet.cluster.link import Link
from tercet.cluster.messages import Bound, Message, Serving, Workers
from tests.support import eventually


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


async def test_messages_arrive_in_order(ends: tuple[socket.socket, socket.socket]) -> None:
    heard: list[Message] = []
    ours = Link(ends[0], on_message=heard.append)
    theirs = Link(ends[1], on_message=heard.append)
    sent = [Bound(["a.B"]), Serving("a", 0, 1), Bound([])]
    for message in sent:
        ours.send(message)
    await eventually(lambda: heard == sent)
    ours.close()
    theirs.close()


async def test_more_than_the_socket_takes_is_sent_later(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    heard: list[Message] = []
    ours = Link(ends[0], on_message=heard.append)
    big = Bound(["x" * 1000] * 5000)  # 5 MB; a socketpair holds about 200 kB
    ours.send(big)
    ours.send(Serving("a", 0, 1))
    theirs = Link(ends[1], on_message=heard.append)
    await eventually(lambda: heard == [big, Serving("a", 0, 1)])
    ours.close()
    theirs.close()


async def test_a_closed_peer_is_noticed_once(ends: tuple[socket.socket, socket.socket]) -> None:
    closed: list[bool] = []
    ours = Link(ends[0], on_message=lambda _: None, on_close=lambda: closed.append(True))
    ends[1].close()
    await eventually(lambda: closed == [True])
    ours.send(Workers(1, []))  # dropped
    assert ours.closed
    await asyncio.sleep(0)
    assert closed == [True]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"{}\n",
        b"not json\n",
        b'{"type": "nope"}\n',
        b"\xff\n",
        b'{"type": "failed", "cause": "\xff"}\n',
        b'{"type": "report", "statistics": ' + b"[" * 20_000 + b"\n",
    ],
)
async def test_rubbish_closes_the_link(
    rubbish: bytes, ends: tuple[socket.socket, socket.socket]
) -> None:
    closed: list[bool] = []
    Link(ends[0], on_message=lambda _: None, on_close=lambda: closed.append(True))
    ends[1].send(rubbish)
    await eventually(lambda: closed == [True])


async def test_an_offer_is_not_kept_for_a_peer_that_does_not_read(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    heard: list[Message] = []
    ours = Link(ends[0], on_message=heard.append)
    taken = 0
    while ours.offer(Bound(["x" * 1000] * 100)):
        taken += 1
    # The one that did not fit is kept, no other; a message that must arrive still does.
    assert not ours.offer(Bound([]))
    ours.send(Serving("a", 0, 1))
    theirs = Link(ends[1], on_message=heard.append)
    await eventually(lambda: len(heard) == taken + 1)
    assert heard[-1] == Serving("a", 0, 1)
    await eventually(lambda: ours.offer(Bound(["again"])))
    await eventually(lambda: heard[-1] == Bound(["again"]))
    ours.close()
    theirs.close()


async def test_an_offer_to_a_peer_that_is_gone_is_dropped(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours = Link(ends[0], on_message=lambda _: None)
    ours.close()
    assert not ours.offer(Bound([]))


async def test_what_a_peer_had_said_is_read_when_it_has_ended(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    heard: list[Message] = []
    closed: list[bool] = []
    ours = Link(ends[0], on_message=heard.append, on_close=lambda: closed.append(True))
    # More than is read at once.
    said = [Bound(["x" * 20_000])] * 5
    for message in said:
        ends[1].send(msgspec.json.encode(message) + b"\n")
    ends[1].send(b'{"type": "bound", "grpc_')
    ends[1].close()
    ours.drain()
    assert heard == said
    assert closed == [True]
    ours.drain()
    assert closed == [True]


async def test_nothing_is_waited_for_when_the_other_end_is_still_open(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    heard: list[Message] = []
    ours = Link(ends[0], on_message=heard.append)
    ends[1].send(msgspec.json.encode(Bound([])) + b"\n")
    # Such as a program that the worker has started.
    ours.drain()
    assert heard == [Bound([])]
    assert not ours.closed
    ours.close()


async def test_it_may_be_closed_by_who_is_told(ends: tuple[socket.socket, socket.socket]) -> None:
    heard: list[Message] = []

    def close(message: Message) -> None:
        heard.append(message)
        ours.close()

    ours = Link(ends[0], on_message=close)
    ends[1].send(2 * (msgspec.json.encode(Bound([])) + b"\n"))
    ours.drain()
    assert len(heard) == 1
