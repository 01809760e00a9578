"""Streams that end with RST_STREAM at each point of an answer."""

from __future__ import annotations

from tests.conformance.gateway.link import Answers, Call
from tests.conformance.wire import frames


def before_headers(code: int) -> Answers:
    async def answer(call: Call) -> None:
        await call.whole.wait()
        call.reset(code)

    return answer


def after_headers(code: int) -> Answers:
    async def answer(call: Call) -> None:
        call.headers()
        call.reset(code)

    return answer


def during_data(code: int) -> Answers:
    """In the middle of a message."""

    async def answer(call: Call) -> None:
        call.headers()
        await call.data(frames.message(b"hi", length=1000))
        call.reset(code)

    return answer


def after_data(code: int) -> Answers:
    """The message is whole, and has no status."""

    async def answer(call: Call) -> None:
        call.headers()
        await call.data(frames.message(b"hi"))
        call.reset(code)

    return answer


def after_trailers(code: int) -> Answers:
    """The answer is whole: RFC 9113 section 8.1 has it that nothing of it may be discarded."""

    async def answer(call: Call) -> None:
        await call.answer()
        call.reset(code)

    return answer
