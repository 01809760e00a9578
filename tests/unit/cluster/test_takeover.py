"""What a successor makes of what it was started with."""

from __future__ import annotations

import asyncio
import os
import socket

import msgspec
import pytest

from tercet.cluster.messages import Failed, HandedOver, Ready, Stop
from tercet.cluster.takeover import Takeover
from tercet.errors import ConfigError
from tests.support import eventually


def made() -> tuple[socket.socket, Takeover]:
    theirs, ours = socket.socketpair()
    theirs.settimeout(10)
    return theirs, Takeover(ours, [], "")


def test_without_the_variable_there_is_none() -> None:
    assert Takeover.received({"HOME": "/"}) is None


@pytest.mark.parametrize(
    "text", ["1", "{}", '{"link":9999,"sockets":[],"pid_file":""}', "not JSON"]
)
def test_a_variable_from_elsewhere_is_refused(text: str) -> None:
    environ = {"TERCET_TAKEOVER": text}
    with pytest.raises(ConfigError, match="TERCET_TAKEOVER"):
        Takeover.received(environ)
    assert environ == {}


def test_what_it_is_given_is_nobody_elses() -> None:
    theirs, ours = socket.socketpair()
    with theirs, socket.create_server(("127.0.0.1", 0)) as server:
        numbers = [os.dup(each.fileno()) for each in (ours, server)]
        ours.close()
        text = f'{{"link":{numbers[0]},"sockets":[["shop",{numbers[1]}]],"pid_file":"/p"}}'
        takeover = Takeover.received({"TERCET_TAKEOVER": text})
        assert takeover and takeover.pid_file == "/p"
        (one,) = takeover.given
        assert one.name == "shop"
        assert one.socket.getsockname() == server.getsockname()
        assert not os.get_inheritable(numbers[0]) and not os.get_inheritable(numbers[1])
        one.socket.close()
        takeover.close()


def test_a_failure_before_there_is_a_loop_is_told() -> None:
    theirs, takeover = made()
    with theirs:
        takeover.failed("no such module")
        assert msgspec.json.decode(theirs.recv(1000), type=Failed).cause == "no such module"
        takeover.close()
        assert theirs.recv(1) == b""
        takeover.failed("said twice")


async def test_it_waits_for_the_mesh() -> None:
    theirs, takeover = made()
    with theirs:
        takeover.begin(lambda grace: None)
        waiting = asyncio.create_task(takeover.ready())
        await asyncio.sleep(0.01)
        assert theirs.recv(1000) == msgspec.json.encode(Ready()) + b"\n"
        assert not waiting.done()
        theirs.send(msgspec.json.encode(HandedOver()) + b"\n")
        await asyncio.wait_for(waiting, 10)
        takeover.close()


async def test_if_the_old_one_is_killed_it_goes_on_alone(caplog: pytest.LogCaptureFixture) -> None:
    theirs, takeover = made()
    takeover.begin(lambda grace: None)
    theirs.close()
    await asyncio.wait_for(takeover.ready(), 10)
    assert "going on without" in caplog.text


async def test_if_both_are_to_stop_it_does_not_take_over() -> None:
    theirs, takeover = made()
    told: list[float] = []
    takeover.begin(told.append)
    waiting = asyncio.create_task(takeover.ready())
    theirs.send(msgspec.json.encode(Stop(2.5)) + b"\n")
    await eventually(lambda: told == [2.5])
    theirs.close()
    await asyncio.sleep(0.05)
    assert not waiting.done()
    waiting.cancel()
    takeover.close()
