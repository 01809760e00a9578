"""What callers want done, carried to the supervisor and back.

Orders are numbered so that an answer finds its caller. The supervisor carries out an order whether
or not anybody waits for it any more, this process included.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from tercet.cluster.messages import Done, Order, OrderKind
from tercet.cluster.spec import NAME
from tercet.errors import FailedPrecondition, InvalidArgument, NotFound, TercetError, Unavailable

MOST_WORKERS = 1024

Fault = Callable[[Done], TercetError]


class Orders:
    """
    Args:
        send: Sends an order to the supervisor.
    """

    def __init__(self, send: Callable[[Order], None]) -> None:
        self._send = send
        # Not from 1: what a predecessor had ordered is answered to this process.
        self._number = secrets.randbits(48)
        self._waiting: dict[int, asyncio.Future[Done]] = {}
        self._closed = False

    async def give(
        self,
        kind: OrderKind,
        *,
        service: str = "",
        workers: int = 0,
        slot: int = -1,
        generation: int = 0,
    ) -> None:
        """Returns when it is carried out; who gives up waiting has not taken it back.

        Raises:
            TercetError: Why it is not; by its reason, of the type that it has in `FAULTS`.
        """
        if self._closed:
            raise _gone("it was not ordered")
        self._number += 1
        number = self._number
        answer: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._send(
                Order(
                    number=number,
                    kind=kind,
                    service=service,
                    workers=workers,
                    slot=slot,
                    generation=generation,
                )
            )
            done = await answer
        finally:
            del self._waiting[number]
        if done.error:
            raise FAULTS.get(done.reason, _internal)(done)

    def done(self, message: Done) -> None:
        """Passes an answer on to who waits for it, if anybody does."""
        answer = self._waiting.get(message.number)
        if answer and not answer.done():
            answer.set_result(message)

    def shut_down(self, patience: float) -> None:
        """Takes no more orders, and waits for the answers to those that it has given.

        A reload replaces the control process last: whoever has asked for that is answered when this
        process is on its way out.

        Args:
            patience: Seconds; then they are told that nothing is known.
        """
        self._closed = True
        asyncio.get_running_loop().call_later(patience, self._give_up)

    def _give_up(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(_gone("whether it was done is not known"))


def checked_service(name: str) -> str:
    """
    Raises:
        InvalidArgument: There is no name, or no service can have it.
    """
    if not name:
        raise InvalidArgument("no service is named", field="service")
    if not NAME.fullmatch(name):
        # It is not repeated: neither the supervisor nor a status has room for anything.
        raise InvalidArgument(
            "that is no name of a service: 1 to 31 of a-z, 0-9 and -, a letter first",
            field="service",
        )
    return name


def checked_workers(count: int) -> int:
    """
    Raises:
        InvalidArgument: No service can have so many workers.
    """
    if not 1 <= count <= MOST_WORKERS:
        raise InvalidArgument(
            f"workers is {count}: must be 1 to {MOST_WORKERS}", field="workers", reason="BAD_COUNT"
        )
    return count


def checked_slot(number: int) -> int:
    """
    Raises:
        InvalidArgument: No slot has that number.
    """
    if number < 0:
        raise InvalidArgument(f"slot is {number}: must be 0 or more", field="slot")
    return number


def checked_generation(number: int) -> int:
    """
    Raises:
        InvalidArgument: No worker has that number.
    """
    if number < 0:
        raise InvalidArgument(f"generation is {number}: must be 0 or more", field="generation")
    return number


def _gone(what: str) -> Unavailable:
    # Or is replaced, which it cannot tell from that.
    return Unavailable(f"the control process ends; {what}", reason="STOPPING", retry_after=1.0)


def _not_found(field: str) -> Fault:
    return lambda done: NotFound(done.error, hint=done.text, reason=done.reason, field=field)


def _bad_count(done: Done) -> TercetError:
    return InvalidArgument(done.error, hint=done.text, reason=done.reason, field="workers")


def _failed(done: Done) -> TercetError:
    return FailedPrecondition(done.error, hint=done.text, reason=done.reason)


def _internal(done: Done) -> TercetError:
    return TercetError(done.error, hint=done.text, reason=done.reason)


FAULTS: dict[str, Fault] = {
    "NO_SERVICE": _not_found("service"),
    "NO_WORKER": _not_found("slot"),
    "BAD_COUNT": _bad_count,
    "RELOAD_FAILED": _failed,
    "SCALE_FAILED": _failed,
    "RECYCLE_FAILED": _failed,
    "STOPPING": lambda done: Unavailable(
        done.error, hint=done.text, reason=done.reason, retry_after=1.0
    ),
}
