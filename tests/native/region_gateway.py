"""A gateway process of tests/native/test_region_processes.py, with nothing but its region.

Usage: region_gateway.py FD SLOT EVENTFDS TOKENS WHAT COUNT LIMIT

It prints "ready" and begins when it is sent a line.

TOKENS is a semaphore of LIMIT tokens that knows nothing of the region: whoever is admitted takes
one, and there must be one.
"""

from __future__ import annotations

import os
import random
import select
import sys
import time
from collections import deque

from tercet.gateway._region import Region


def race(region: Region, column: int, tokens: int, count: int, limit: int) -> None:
    """Is admitted `count` times, as fast as it can."""
    for _ in range(count):
        while not region.admit(column, limit):
            region.drain()
        os.eventfd_read(tokens)
        os.eventfd_write(tokens, 1)
        region.leave(column)


def queue(region: Region, column: int, tokens: int, count: int, limit: int) -> None:
    """Has so many calls that wait, each for as long as older ones do, and sleeps between."""
    calls: deque[int] = deque()
    for _ in range(count):
        # Some of each gateway's between those of the others, ahead by up to a second.
        calls.append(max(calls[-1] if calls else 0, time.monotonic_ns()) + random.randrange(10**6))

    def publish() -> None:
        region.wait(column, len(calls), calls[0] if calls else 0)
        region.wake(column)

    publish()
    while calls:
        region.drain()
        while calls and _is_first(region, column, calls[0]) and region.admit(column, limit):
            calls.popleft()
            publish()
            os.eventfd_read(tokens)
            os.eventfd_write(tokens, 1)
            region.leave(column)
            region.wake(column)
        if calls:
            select.select([region.eventfd], [], [])


def _is_first(region: Region, column: int, since: int) -> bool:
    older = region.oldest_elsewhere(column)
    return older == 0 or since <= older


def hold(region: Region, column: int, tokens: int, count: int, limit: int) -> None:
    """Holds `count` calls, with as many waiting, and does not end by itself."""
    for _ in range(count):
        assert region.admit(column, limit)
    region.wait(column, count, 1)
    print("held", flush=True)
    time.sleep(600)


def main(fd: str, slot: str, eventfds: str, tokens: str, what: str, *numbers: str) -> None:
    region = Region(int(fd), int(slot), [int(each) for each in eventfds.split(",")])
    column = region.claim("greeter")
    print("ready", flush=True)
    sys.stdin.readline()
    act = {"race": race, "queue": queue, "hold": hold}[what]
    act(region, column, int(tokens), *(int(each) for each in numbers))
    region.release(column)


if __name__ == "__main__":
    main(*sys.argv[1:])
