"""The hello of the cluster's report for ASGI servers, as ../hello.py is, with the pid as body."""

from __future__ import annotations

import asyncio
import os
from typing import Any

WORK = os.environ.get("BENCH_WORK", "none")
BODY = str(os.getpid()).encode()
HEADERS = [(b"content-type", b"text/plain"), (b"content-length", str(len(BODY)).encode())]


def compute() -> int:
    total = 0
    for number in range(20_000):
        total += number * number % 7
    return total


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise NotImplementedError
    if WORK == "wait":
        await asyncio.sleep(0.005)
    elif WORK == "compute":
        compute()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
