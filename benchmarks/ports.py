"""Ports of loopback, for programs that do not tell which one they were given."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

HOST = "127.0.0.1"
PAUSE = 0.01


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        port: int = bound.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection((HOST, port)).close()
    except ConnectionRefusedError:
        return False
    return True


def wait_for(port: int, timeout: float, alive: Callable[[], bool]) -> bool:
    """Whether somebody listens there within so many seconds, and while he is alive."""
    end = time.monotonic() + timeout
    while not listens(port):
        if not alive() or time.monotonic() > end:
            return False
        time.sleep(PAUSE)
    return True
