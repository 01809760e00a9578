"""A servicer that takes its time, and tells what its worker did: for `tercet serve`.

Requests are milliseconds, as text; answers are JSON. Times are of CLOCK_MONOTONIC, which all
processes share.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any

import grpc
import grpc.aio

SERVICE = "integration.Busy"


class Busy:
    """
    Attributes:
        running: Calls of `hold` that run now.
    """

    def __init__(self) -> None:
        self.running = 0

    async def work(self, request: bytes, context: Any) -> bytes:
        """Keeps its worker from anything else, as one that computes; but leaves others the CPU."""
        began = time.monotonic()
        time.sleep(int(request) / 1000)  # noqa: ASYNC251
        return _told(began, 1)

    async def hold(self, request: bytes, context: Any) -> bytes:
        """Waits; others of its kind may run meanwhile, and are counted."""
        began = time.monotonic()
        self.running += 1
        at_once = self.running
        try:
            await asyncio.sleep(int(request) / 1000)
        finally:
            self.running -= 1
        return _told(began, at_once)


def _told(began: float, at_once: int) -> bytes:
    told = {"pid": os.getpid(), "began": began, "ended": time.monotonic(), "at_once": at_once}
    return json.dumps(told).encode()


def register(server: grpc.aio.Server) -> None:
    busy = Busy()
    methods = {
        "Work": grpc.unary_unary_rpc_method_handler(busy.work),
        "Hold": grpc.unary_unary_rpc_method_handler(busy.hold),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
