"""A client of hostile upstreams: `python -m tests.attacks.customer PORT`.

Each line of its stdin is a JSON array of an upstream's name and of seconds; it makes calls of it
for so long and prints how they ended as JSON, in the terms of the attacker.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import time
from collections import Counter

import uvloop

from tests.attacks import cores
from tests.attacks.upstreams import MEANWHILE, UPSTREAMS
from tests.conformance.gateway import failures
from tests.conformance.gateway.upstreams import service
from tests.conformance.wire import frames
from tests.conformance.wire.conftest import request
from tests.conformance.wire.connection import Answer, connect
from tests.conformance.wire.frames import message

# Calls at once, and seconds between them.
AT_ONCE = 4
PAUSE = 0.05
# For all that an upstream may send.
WINDOW = 1 << 30
OPEN = struct.pack("!HI", frames.SETTINGS_INITIAL_WINDOW_SIZE, WINDOW)


async def calls(port: int, name: str, seconds: float) -> dict[str, object]:
    vice = UPSTREAMS[name]
    path = f"/{service(name)}/Call".encode()
    head = request("", path=path, grpc_timeout=b"%dm" % (vice.timeout * 1000))
    until = time.monotonic() + seconds
    ended: list[Answer] = []
    async with connect(port, OPEN) as wire:
        wire.grant(0, WINDOW)
        stream = 1
        while time.monotonic() < until:
            streams = range(stream, stream + 2 * AT_ONCE, 2)
            stream = streams.stop
            for each in streams:
                wire.headers(each, head)
                wire.data(each, message(b"hello"), end=True)
            ended += [await wire.answer(each) for each in streams]
            await asyncio.sleep(PAUSE)
    met = [each for each in ended if not _wrong(name, each)]
    unmet = [each for each in ended if _wrong(name, each) and _reason(each) not in MEANWHILE]
    return {
        "sent": 0,
        "met": len(met),
        "unmet": [_words(each) for each in unmet],
        "words": Counter(" ".join(_words(each)) for each in ended),
    }


def _wrong(name: str, answer: Answer) -> bool:
    outcome = UPSTREAMS[name].outcome
    # Not its messages: the last one may be cut off.
    if outcome.messages is not None and answer.data != b"".join(map(message, outcome.messages)):
        return True
    return bool(failures.differs(outcome, failures.code(answer), _reason(answer)))


def _reason(answer: Answer) -> str:
    return failures.reason_in(answer)


def _words(answer: Answer) -> list[str]:
    return [f"status {failures.code(answer)}", *filter(None, [_reason(answer)])]


async def serve(port: int) -> None:
    os.nice(19)
    cores.take(1)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, seconds = json.loads(line)
        print(json.dumps(await calls(port, name, seconds)), flush=True)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
