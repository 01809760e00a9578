"""A process that attacks: `python -m tests.attacks.attacker PORT`.

Each line of its stdin is a JSON array of an attack's name and of the seconds that it is to last;
it prints what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections import Counter

import uvloop

from tests.attacks import cores
from tests.attacks.attack import Attack
from tests.attacks.table import NAMED
from tests.attacks.wire import Wire

# Of one who does not read, in bytes: little is under way to it.
RECEIVE_BUFFER = 4096


class Attacker:
    """Keeps so many connections of an attack open, one after another, for a while.

    Attributes:
        words: In how many connections each word was seen.
        met: Connections that saw what they should, and those that did not; the ones that were cut
            off by the end of the round are neither.
        unmet: The words of one that did not.
    """

    def __init__(self, port: int, attack: Attack) -> None:
        self._port = port
        self._attack = attack
        self._running: set[asyncio.Task[None]] = set()
        self._sent = 0
        self._refused = 0
        self._met = 0
        self._unmet: list[list[str]] = []
        self._words: Counter[str] = Counter()

    async def run(self, seconds: float) -> dict[str, object]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if len(self._running) < self._attack.at_once:
                task = asyncio.create_task(self._connection(until))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            await asyncio.sleep(1 / self._attack.rate)
        await asyncio.gather(*self._running)
        return {
            "sent": self._sent,
            "refused": self._refused,
            "met": self._met,
            "unmet": self._unmet,
            "words": self._words,
        }

    async def _connection(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        connected = socket.socket()
        connected.setblocking(False)
        if not self._attack.reads:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        try:
            await loop.sock_connect(connected, ("127.0.0.1", self._port))
            wire = (await loop.create_connection(lambda: Wire(self._attack), sock=connected))[1]
        except OSError:
            connected.close()
            self._refused += 1
            return
        await wire.run(until)
        self._sent += wire.sent
        self._words.update(wire.words.keys())
        if wire.words.keys() & set(self._attack.sees):
            self._met += 1
        elif self._attack.sees and "cut" not in wire.words:
            self._unmet.append(sorted(wire.words))


async def attack(port: int) -> None:
    # Work for the core that the neighbour's client is on: that one goes first.
    os.nice(19)
    cores.take(1)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, seconds = json.loads(line)
        print(json.dumps(await Attacker(port, NAMED[name]).run(seconds)), flush=True)


if __name__ == "__main__":
    uvloop.run(attack(int(sys.argv[1])))
