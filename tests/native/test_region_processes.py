"""The region between processes: the limit holds, no wake is lost, the dead hold nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tercet.cluster import region as layout
from tercet.cluster.region import SharedRegion
from tercet.gateway._region import Region

PROGRAM = Path(__file__).with_name("region_gateway.py")


class Gateways:
    """Gateway processes on one region, and a semaphore that sees what they are admitted to."""

    def __init__(self, number: int, *, limit: int) -> None:
        self.memory = SharedRegion(number)
        self.tokens = os.eventfd(limit, os.EFD_SEMAPHORE | os.EFD_NONBLOCK)
        self._limit = limit
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, slot: int, what: str, count: int) -> subprocess.Popen[str]:
        """Gives one that is ready for `go`."""
        shared = [self.memory.fd, *self.memory.eventfds, self.tokens]
        eventfds = ",".join(map(str, self.memory.eventfds))
        numbers = [self.memory.fd, slot, eventfds, self.tokens, what, count, self._limit]
        made = subprocess.Popen(
            [sys.executable, str(PROGRAM), *map(str, numbers)],
            pass_fds=shared,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(made)
        assert made.stdout and made.stdout.readline() == "ready\n"
        return made

    def end(self) -> list[int]:
        """Waits for all; if one fails, the others may be waiting for it, and are killed."""
        while any(each.poll() is None for each in self.processes):
            if any(each.returncode for each in self.processes):
                for each in self.processes:
                    each.kill()
            time.sleep(0.01)
        return [each.wait() for each in self.processes]

    def cells(self) -> bytes:
        return os.pread(self.memory.fd, layout.size(len(self.memory.eventfds)), layout.ROWS)

    def holds(self, slot: int, column: int) -> int:
        """Calls in one cell."""
        place = layout.ROWS + slot * layout.ROW + column * layout.CELL
        return int.from_bytes(os.pread(self.memory.fd, 4, place), sys.byteorder)

    def close(self) -> None:
        for each in self.processes:
            each.kill()
            each.wait()
            for stream in (each.stdin, each.stdout):
                assert stream
                stream.close()
        os.close(self.tokens)
        self.memory.close()


def go(gateway: subprocess.Popen[str]) -> None:
    assert gateway.stdin
    gateway.stdin.write("\n")
    gateway.stdin.flush()


@pytest.fixture
def gateways(request: pytest.FixtureRequest) -> Iterator[Gateways]:
    number, limit = request.param
    made = Gateways(number, limit=limit)
    yield made
    made.close()


@pytest.mark.parametrize("gateways", [(2, 1), (4, 1), (4, 2), (4, 3)], indirect=True)
@pytest.mark.parametrize(("what", "count"), [("race", 50_000), ("queue", 10_000)])
def test_the_limit_holds_and_everyone_is_served(gateways: Gateways, what: str, count: int) -> None:
    number = len(gateways.memory.eventfds)
    for slot in range(number):
        gateways.start(slot, what, count)
    for each in gateways.processes:
        go(each)
    # One that finds no token raises; one whose wake is lost sleeps for ever.
    assert gateways.end() == [0] * number
    assert not any(gateways.cells())


@pytest.mark.parametrize("gateways", [(2, 150)], indirect=True)
def test_what_a_killed_one_held_is_free_again(gateways: Gateways) -> None:
    memory = gateways.memory
    here = Region(memory.fd, 0, memory.eventfds)
    column = here.claim("greeter")
    for _ in range(50):
        assert here.admit(column, 150)
    victim = gateways.start(1, "hold", 100)
    go(victim)
    assert victim.stdout and victim.stdout.readline() == "held\n"
    assert here.load(column) == 150 and here.waiting(column) == 100
    assert not here.admit(column, 150)
    victim.send_signal(signal.SIGKILL)
    assert gateways.end() == [-signal.SIGKILL]
    here.drain()
    memory.clear(1)
    assert os.eventfd_read(here.eventfd) == 1
    assert here.load(column) == 50 and here.waiting(column) == 0
    assert here.admit(column, 51)


@pytest.mark.parametrize("gateways", [(3, 1)], indirect=True)
def test_one_that_is_killed_at_any_moment_stops_nobody(gateways: Gateways) -> None:
    memory, tokens = gateways.memory, gateways.tokens
    here = Region(memory.fd, 2, memory.eventfds)
    column = here.claim("greeter")
    racers = {slot: gateways.start(slot, "race", 10**9) for slot in range(2)}
    for racer in racers.values():
        go(racer)
    for round_ in range(12):
        slot = round_ % 2
        victim = racers[slot]
        # Time for some admissions of any gateway.
        for _ in range(100):
            if here.admit(column, 1):
                here.leave(column)
        victim.kill()
        assert victim.wait() == -signal.SIGKILL
        if gateways.holds(slot, column):
            # Nobody else can have a token now; it is the dead one's if it is not there.
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(tokens)
            os.eventfd_write(tokens, 1)
        memory.clear(slot)
        while not here.admit(column, 1):
            here.drain()
        os.eventfd_read(tokens)
        os.eventfd_write(tokens, 1)
        here.leave(column)
        racers[slot] = gateways.start(slot, "race", 10**9)
        go(racers[slot])
    assert all(racer.poll() is None for racer in racers.values())
