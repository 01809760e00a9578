"""A server under load, and what it holds."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.soak.client import Call, connected
from tests.soak.form import GROWTH, PARTS

ROOT = Path(__file__).parents[2]


class Facts(NamedTuple):
    """What a server holds when it has nothing to do.

    Attributes:
        objects: Live objects of our types that the garbage collector knows, by type.
    """

    descriptors: int
    threads: int
    tasks: int
    objects: dict[str, int]


class Served:
    """A server process, until its `with` ends."""

    def __init__(self, engine: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.serve", engine],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._child.stdout is not None
        told = self._child.stdout.readline()
        if not told:
            self._child.communicate()
            raise ChildProcessError(f"the server ended with {self._child.returncode}")
        self.port = int(told)
        self._process = psutil.Process(self._child.pid)

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *exception: object) -> None:
        # Ends its stdin, which ends the server.
        with self._child:
            try:
                self._child.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                self._child.kill()
                raise
        assert self._child.returncode == 0

    @property
    def rss(self) -> int:
        """Bytes."""
        return int(self._process.memory_info().rss)

    def facts(self) -> Facts:
        with connected(self.port) as client:
            (stream,) = client.begin(Call("Facts"))
            client.until_ended([stream])
            size = struct.unpack_from("!BI", client.last)[1]
            assert len(client.last) == 5 + size
            told = json.loads(client.last[5:])
            return Facts(
                self._process.num_fds(), self._process.num_threads(), told["tasks"], told["objects"]
            )

    def settles(self, before: Facts, *, objects: bool = False, within: float = 20.0) -> None:
        """Waits until it holds no more than before: it may not have seen the last reset yet.

        Args:
            objects: Ours as well; what a server learns from the first calls of a method, it keeps.

        Raises:
            AssertionError: It holds more.
        """
        deadline = time.monotonic() + within
        while more := _more(now := self.facts(), before, objects):
            assert time.monotonic() < deadline, f"more {more} than before: {now}, {before}"
            time.sleep(0.05)

    def stays_flat(self, load: Callable[[], object], what: str) -> None:
        """Does a part of a load again and again, and looks for what it leaves behind.

        Raises:
            AssertionError: The server has grown after the first part, or holds what it should not.
        """
        before = self.facts()
        load()
        self.settles(before)
        before = self.facts()
        weights = [self.rss]
        for _ in range(PARTS - 1):
            load()
            self.settles(before, objects=True)
            weights.append(self.rss)
        told = " ".join(f"{weight / (1 << 20):.1f}" for weight in weights)
        print(f"{what}: RSS after each of {PARTS} parts, in MiB: {told}")
        assert min(weights[-2:]) - weights[0] < GROWTH, told


def _more(now: Facts, before: Facts, objects: bool) -> list[str]:
    """What there is more of."""
    found = [
        name
        for name in ("descriptors", "threads", "tasks")
        if getattr(now, name) > getattr(before, name)
    ]
    if objects:
        found += [
            kind for kind, count in now.objects.items() if count > before.objects.get(kind, 0)
        ]
    return found
