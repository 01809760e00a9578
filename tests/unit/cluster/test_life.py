"""One worker, played by an actor, from its start to its end."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tercet.cluster.life import LAST_WORDS, MARGIN, Life
from tercet.cluster.messages import Bound, Failed, Leaving, Pulse, Stop
from tercet.cluster.spec import RegionSpec, WorkerSpec
from tercet.cluster.states import State
from tests.unit.cluster.standins import Actor, Clock, Company, Diary, rest

BOOT = 60.0
HANG = 30.0
GONE = [State.STARTING, State.GONE]


@pytest.fixture
def diary() -> Diary:
    return Diary()


Begin = Callable[..., Life]


@pytest.fixture
def begin(company: Company, diary: Diary, tmp_path: Path) -> Begin:
    def life(*, region: RegionSpec | None = None, hang_timeout: float = HANG) -> Life:
        spec = WorkerSpec(
            service="one",
            slot=3,
            generation=5,
            target="nobody:register",
            options={},
            address=f"unix:{tmp_path}/one.3.5.sock",
            bind="",
            control=f"unix:{tmp_path}/control.sock",
            engine="native",
            grace=1.0,
            max_message_bytes=1,
            server_options={},
            import_from_cwd=False,
            listeners=[101],
            inherited=[102, 103],
            region=region,
        )
        return Life(spec, diary, starter=company, boot_timeout=BOOT, hang_timeout=hang_timeout)

    return life


async def served(life: Life, company: Company) -> Actor:
    """Brings it to where it is READY."""
    await rest()
    assert life.is_bound
    life.serving()
    return company.actors[-1]


async def test_it_starts_serves_stops_and_ends(
    begin: Begin, company: Company, diary: Diary
) -> None:
    life = begin()
    assert (life.state, life.is_bound, life.pid) == (State.STARTING, False, company.actors[0].pid)
    actor = await served(life, company)
    assert await life.settled()
    assert life.bound == ["one.Service"]
    assert diary.said == [Bound(["one.Service"])]
    life.stop(1.0)
    await life.over.wait()
    assert diary.states == [State.STARTING, State.READY, State.DRAINING, State.GONE]
    assert (life.code, life.last_exit, life.pid) == (0, "exited with 0", 0)
    assert life.process_id == actor.pid
    assert life.planned
    assert life.link.closed


async def test_it_inherits_exactly_what_it_is_told_of(begin: Begin, company: Company) -> None:
    begin(region=RegionSpec(fd=90, row=1, eventfds=[91, 92]))
    assert company.actors[0].descriptors == (90, 91, 92, 101, 102, 103)
    assert company.actors[0].name == "one/3"
    await rest()


async def test_one_that_cannot_be_started_leaves_nothing_open(
    begin: Begin, company: Company, diary: Diary
) -> None:
    company.error = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="temporarily unavailable"):
        begin()
    assert len(os.listdir("/proc/self/fd")) == before
    assert not diary.states


async def test_one_that_is_not_ready_in_time_is_killed(
    begin: Begin, company: Company, diary: Diary, clock: Clock
) -> None:
    # It listens; but nobody finds it serving.
    life = begin(hang_timeout=0.0)
    await clock.go_on(BOOT - 1)
    assert life.is_bound
    assert not company.actors[0].signals
    await clock.go_on(2.0)
    assert not await life.settled()
    assert life.last_exit == "killed by SIGKILL: it was not ready after 60 s"
    assert not life.planned
    assert diary.states == GONE


async def test_importing_may_take_longer_than_the_hang_timeout(
    begin: Begin, company: Company, diary: Diary, clock: Clock
) -> None:
    company.binds = False
    life = begin()
    await clock.go_on(BOOT - 1)
    assert not company.actors[0].signals
    company.actors[0].bind()
    await rest()
    life.serving()
    await clock.go_on(HANG - 1)
    assert (life.state, diary.hangs) == (State.READY, 0)


async def test_one_that_imports_for_ever_while_it_is_to_go_is_killed_all_the_same(
    begin: Begin, company: Company, clock: Clock
) -> None:
    company.binds = False
    life = begin()
    life.leave()
    await clock.go_on(BOOT + 1)
    assert life.over.is_set()


async def test_one_that_begins_to_listen_while_it_is_to_go_may_finish_what_it_was_given(
    begin: Begin, company: Company, clock: Clock
) -> None:
    life = begin(hang_timeout=0.0)
    await rest()
    life.leave()
    await clock.go_on(BOOT + 1)
    assert not life.over.is_set()
    life.stop(1.0)
    await rest()
    assert life.over.is_set()


async def test_one_whose_loop_does_not_turn_writes_down_its_stacks_and_is_killed(
    begin: Begin, company: Company, diary: Diary, clock: Clock
) -> None:
    life = begin()
    actor = await served(life, company)
    actor.ignores = {signal.SIGABRT}
    await clock.go_on(HANG * 0.55)
    assert life.stalls
    assert not actor.signals
    while not actor.signals:
        await clock.go_on(0.2, steps=1)
    assert actor.signals == [signal.SIGABRT]
    assert diary.hangs == 1
    assert not life.over.is_set()
    await clock.go_on(LAST_WORDS)
    assert actor.signals == [signal.SIGABRT, signal.SIGKILL]
    assert life.last_exit == "killed by SIGKILL: its loop had not turned for 30 s"
    assert diary.hangs == 1
    assert not life.planned


async def test_one_that_hangs_has_not_ended_as_planned_though_it_is_told_to_stop_then(
    begin: Begin, company: Company, clock: Clock
) -> None:
    life = begin()
    actor = await served(life, company)
    actor.ignores = {signal.SIGABRT}
    actor.stops = False
    while not actor.signals:
        await clock.go_on(0.2, steps=1)
    life.stop(100.0)
    await clock.go_on(LAST_WORDS)
    assert life.over.is_set()
    assert not life.planned


async def test_it_is_not_killed_again_once_abrt_has_ended_it(
    begin: Begin, company: Company, clock: Clock
) -> None:
    life = begin()
    actor = await served(life, company)
    await clock.go_on(HANG * 1.2)
    await clock.go_on(LAST_WORDS * 2)
    assert actor.signals == [signal.SIGABRT]
    assert life.last_exit == "killed by SIGABRT: its loop had not turned for 30 s"


async def test_pulses_keep_it_alive_and_are_known(
    begin: Begin, company: Company, diary: Diary, clock: Clock
) -> None:
    life = begin()
    actor = await served(life, company)
    for calls in range(20):
        actor.say(Pulse(calls=calls, in_flight=2))
        await clock.go_on(HANG / 5, steps=4)
    assert (life.pulse.calls, life.pulse.in_flight, life.stalls) == (19, 2, False)
    # Of pulses nobody else is told.
    assert diary.said == [Bound(["one.Service"])]


async def test_a_stall_and_its_end_are_told(
    begin: Begin, company: Company, diary: Diary, clock: Clock
) -> None:
    life = begin()
    actor = await served(life, company)
    before = diary.moves
    await clock.go_on(HANG * 0.7)
    assert (life.stalls, diary.moves) == (True, before + 1)
    actor.say(Pulse())
    await clock.go_on(HANG * 0.2)
    assert (life.stalls, diary.moves) == (False, before + 2)


@pytest.mark.parametrize("seconds", [HANG * 0.45, HANG * 2, 3600.0])
async def test_that_we_stood_still_kills_nobody(
    seconds: float,
    begin: Begin,
    company: Company,
    diary: Diary,
    clock: Clock,
) -> None:
    life = begin()
    actor = await served(life, company)
    for _ in range(3):
        actor.say(Pulse())
        await clock.go_on(HANG / 5, steps=4)
        await clock.jump(seconds)
    assert (life.state, diary.hangs, actor.signals) == (State.READY, 0, [])


async def test_that_we_stood_still_does_not_use_up_the_time_to_boot(
    begin: Begin, company: Company, clock: Clock
) -> None:
    company.binds = False
    life = begin()
    await clock.jump(BOOT * 10)
    assert not life.over.is_set()
    # Which it has anew, and once.
    await clock.go_on(BOOT - 1)
    assert not life.over.is_set()
    await clock.go_on(2.0)
    assert life.over.is_set()


async def test_one_that_does_not_stop_gets_term_at_its_grace_and_kill_after(
    begin: Begin, company: Company, clock: Clock
) -> None:
    company.stops = False
    life = begin(hang_timeout=0.0)
    actor = await served(life, company)
    actor.ignores = {signal.SIGTERM}
    life.stop(10.0)
    await clock.go_on(9.9)
    assert actor.told_to_stop == [10.0]
    assert not actor.signals
    await clock.go_on(0.2)
    assert actor.signals == [signal.SIGTERM]
    await clock.go_on(MARGIN)
    assert actor.signals == [signal.SIGTERM, signal.SIGKILL]
    assert life.over.is_set()
    assert life.planned
    assert life.last_exit == "killed by SIGKILL: it did not end within its grace"


async def test_told_to_stop_again_it_may_end_sooner_but_never_later(
    begin: Begin, company: Company, clock: Clock
) -> None:
    company.stops = False
    life = begin(hang_timeout=0.0)
    actor = await served(life, company)
    actor.ignores = {signal.SIGTERM}
    life.stop(100.0)
    await clock.go_on(1.0)
    life.stop(1.0)
    life.stop(1000.0)
    # A worker understands one `Stop`.
    assert sum(isinstance(message, Stop) for message in actor.heard) == 1
    await clock.go_on(1.1)
    assert actor.signals == [signal.SIGTERM]
    await clock.go_on(MARGIN)
    assert life.over.is_set()


async def test_one_that_is_over_is_neither_told_nor_signalled(
    begin: Begin, company: Company
) -> None:
    life = begin()
    actor = await served(life, company)
    actor.die(3)
    await rest()
    life.stop(1.0)
    life.kill()
    life.leave()
    life.serving()
    assert (actor.signals, life.state, life.last_exit) == ([], State.GONE, "exited with 3")


async def test_no_timer_of_it_outlives_it(
    begin: Begin, company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    life = begin()
    actor = await served(life, company)
    life.stop(100.0)
    await life.over.wait()
    timers = [
        timer
        for timer in asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        if not timer.cancelled() and getattr(timer._callback, "__self__", None) is life
    ]
    assert not timers
    assert actor.is_over


async def test_why_it_failed_is_read_at_its_end(begin: Begin, company: Company) -> None:
    company.binds = False
    life = begin()
    await rest()
    actor = company.actors[0]
    actor.say(Failed("no module named nobody"))
    # It is reaped before its link is read.
    actor.is_over = True
    life._exited(78)
    assert life.last_exit == "exited with 78: no module named nobody"
    assert not await life.settled()
    actor.link.close()


async def test_it_is_ready_only_once_and_only_if_it_is_not_to_go(
    begin: Begin, company: Company, diary: Diary
) -> None:
    life = begin()
    await served(life, company)
    life.serving()
    life.leave()
    life.leave()
    life.serving()
    assert diary.states == [State.STARTING, State.READY, State.DRAINING]


async def test_what_it_says_of_other_things_is_passed_on(
    begin: Begin, company: Company, diary: Diary
) -> None:
    life = begin()
    actor = await served(life, company)
    actor.say(Leaving())
    await rest()
    assert diary.said[-1] == Leaving()
    assert life.state is State.READY


async def test_what_it_cannot_mean_closes_its_link_and_it_is_not_waited_for(
    begin: Begin,
    company: Company,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    life = begin()
    actor = await served(life, company)
    actor.link._socket.send(b"rubbish\n")
    await rest()
    assert life.link.closed
    with caplog.at_level(logging.ERROR, "tercet"):
        await clock.go_on(HANG * 1.2)
    assert life.over.is_set()
    assert "hangs" in caplog.text


async def test_how_old_it_was_does_not_change_when_it_is_over(
    begin: Begin, company: Company, clock: Clock
) -> None:
    life = begin()
    actor = await served(life, company)
    await clock.go_on(5.0)
    actor.lived = 5.0
    actor.die(1)
    await rest()
    actor.lived = 500.0
    await clock.go_on(50.0)
    assert (life.age, life.served) == (5.0, pytest.approx(5.0))
    assert life.started


async def test_its_sockets_files_are_gone_when_it_is(
    begin: Begin, company: Company, tmp_path: Path
) -> None:
    files = [tmp_path / "one.3.5.sock", tmp_path / "one.3.5.fast.sock", tmp_path / "one.3.6.sock"]
    for file in files:
        file.touch()
    life = begin()
    await served(life, company)
    life.stop(1.0)
    await life.over.wait()
    assert [file.exists() for file in files] == [False, False, True]
