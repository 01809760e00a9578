"""The hello of the cluster's report for ASGI servers: the same work as work.py, the pid as body."""

import asyncio
import os

WORK = os.environ.get("BENCH_WORK", "none")
BODY = str(os.getpid()).encode()
HEADERS = [(b"content-type", b"text/plain"), (b"content-length", str(len(BODY)).encode())]


def compute() -> int:
    total = 0
    for number in range(20_000):
        total += number * number % 7
    return total


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    if WORK == "wait":
        await asyncio.sleep(0.005)
    elif WORK == "compute":
        compute()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
