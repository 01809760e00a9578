"""What is no HTTP/2."""

from __future__ import annotations

from tests.conformance.gateway.link import Call, Link

HTTP_1 = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n"
GARBAGE = bytes(range(255, -1, -1)) * 4


async def greet_with_garbage(link: Link) -> None:
    link.write(GARBAGE)


async def greet_with_http_1(link: Link) -> None:
    """As a server does that knows nothing newer."""
    link.write(HTTP_1)
    link.close()


async def greet_and_close(link: Link) -> None:
    """As a port that is forwarded to nowhere."""
    link.abort()


async def garbage(call: Call) -> None:
    """In the middle of a call."""
    call.link.write(GARBAGE)
    await call.over.wait()


async def garbage_after_headers(call: Call) -> None:
    call.headers()
    call.link.write(GARBAGE)
    await call.over.wait()
