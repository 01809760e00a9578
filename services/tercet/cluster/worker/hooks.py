"""Calls what `register` functions have asked to be called; no failure of theirs goes further."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Iterable

from tercet.cluster.worker.context import Hook

log = logging.getLogger("tercet")


def call(hooks: Iterable[Hook], what: str) -> asyncio.Future[None] | None:
    """Calls all of them, in turn, at once.

    Args:
        what: What they are, with an article, for the log.

    Returns:
        What waits for those that are coroutine functions; None if none is.
    """
    left = [pending for hook in hooks if (pending := _begun(hook, what)) is not None]
    return asyncio.ensure_future(_all_finished(left, what)) if left else None


async def call_in_turn(hooks: Iterable[Hook], what: str) -> None:
    """Calls one when the last has ended."""
    for hook in hooks:
        if (pending := _begun(hook, what)) is not None:
            await _finished(pending, what)


async def _all_finished(pending: Iterable[Awaitable[object]], what: str) -> None:
    await asyncio.gather(*(_finished(each, what) for each in pending))


def _begun(hook: Hook, what: str) -> Awaitable[object] | None:
    try:
        answer = hook()
    except Exception:
        log.exception("%s failed; all else goes on", what)
        return None
    return answer if inspect.isawaitable(answer) else None


async def _finished(pending: Awaitable[object], what: str) -> None:
    try:
        await pending
    except Exception:
        log.exception("%s failed; all else goes on", what)
