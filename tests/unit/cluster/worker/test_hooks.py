"""Hooks of other people's: called in turn, and alone in their failures."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tercet.cluster.worker import hooks


def broken() -> None:
    raise RuntimeError("my bug")


async def test_plain_ones_are_called_at_once_and_there_is_nothing_to_wait_for() -> None:
    called: list[int] = []
    assert hooks.call([lambda: called.append(1), lambda: called.append(2)], "a hook") is None
    assert called == [1, 2]
    assert hooks.call([], "a hook") is None


async def test_those_that_wait_do_so_at_the_same_time() -> None:
    both = asyncio.Barrier(2)
    pending = hooks.call([both.wait, both.wait], "a hook")
    assert pending is not None
    await asyncio.wait_for(pending, 20)


async def test_in_turn_one_ends_before_the_next_begins() -> None:
    said: list[str] = []

    async def slow() -> None:
        said.append("begun")
        await asyncio.sleep(0)
        said.append("ended")

    await hooks.call_in_turn([slow, lambda: said.append("plain"), slow], "a hook")
    assert said == ["begun", "ended", "plain", "begun", "ended"]


@pytest.mark.parametrize("in_turn", [False, True])
async def test_one_that_fails_is_logged(in_turn: bool, caplog: pytest.LogCaptureFixture) -> None:
    called: list[int] = []

    async def breaks_later() -> None:
        await asyncio.sleep(0)
        broken()

    given = [broken, breaks_later, lambda: called.append(1)]
    with caplog.at_level(logging.ERROR):
        if in_turn:
            await hooks.call_in_turn(given, "a closer of x:y")
        else:
            pending = hooks.call(given, "a closer of x:y")
            assert pending is not None
            await pending
    assert called == [1]
    assert caplog.messages == ["a closer of x:y failed; all else goes on"] * 2
    assert "my bug" in caplog.text
