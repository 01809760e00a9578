"""Callers that never rest, and what became of their calls."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from random import Random
from typing import NamedTuple, cast

import grpc

from tests.conformance.gateway.failures import reason_of
from tests.soak.mixed.kinds import KINDS, SOUND, Client, Kind, given_up

CHANNELS = 6
CALLERS = 24
# Seconds between the calls of one caller, at most.
PAUSE = 0.05
# Seconds of a call's deadline.
SHORTEST, LONGEST = 0.5, 6.0
# Seconds by which a call may outlive it: the machine may be busy.
MARGIN = 5.0
# So long a client may take for the loss of its gateway: until it has another connection.
RECONNECTED = 3.0
# Seconds of a call that nothing disturbs.
UNDISTURBED = 20.0

# What a gateway may say (tercet.gateway.v1.Reason), and the codes of it.
CAUSES = {
    "NO_READY_WORKER": "UNAVAILABLE",
    "NOT_STARTED": "UNAVAILABLE",
    "WORKER_LOST": "UNAVAILABLE",
    "DEADLINE_EXCEEDED": "DEADLINE_EXCEEDED",
    "QUEUE_FULL": "RESOURCE_EXHAUSTED",
}


class End(NamedTuple):
    """How a call ended.

    Attributes:
        code: Name of the gRPC status; or "left", or what is wrong.
        reason: Of the gateway's ErrorInfo; "" if there is none.
    """

    kind: str
    code: str
    reason: str = ""


class Callers:
    """
    Args:
        address: Of the gateways.
        lost: When gateways were killed, by time.monotonic().

    Attributes:
        ends: How many calls ended in which way.
        wrong: What must not be, in words.
    """

    def __init__(self, address: str, rng: Random, lost: list[float]) -> None:
        self._address = address
        self._rng = rng
        self._lost = lost
        self.ends: Counter[End] = Counter()
        self.wrong: list[str] = []

    @contextmanager
    def calling(self) -> Iterator[None]:
        """They call, each on, until the `with` ends; then the last calls come to their ends."""
        over = threading.Event()
        with self._channels() as channels, ThreadPoolExecutor(CALLERS) as threads:
            running = [
                threads.submit(
                    self._call_on, channels[number % CHANNELS], Random(self._rng.random()), over
                )
                for number in range(CALLERS)
            ]
            try:
                yield
            finally:
                over.set()
                found = [each.result() for each in running]
        for ends, wrong in found:
            self.ends += ends
            self.wrong += wrong

    def each_well(self) -> None:
        """A call of each kind, on each connection.

        Raises:
            RpcError: One did not end well.
        """
        with self._channels() as channels:
            for channel in channels:
                client = Client(channel, UNDISTURBED, UNDISTURBED + MARGIN)
                for kind in SOUND:
                    kind(client, self._rng)

    @contextmanager
    def _channels(self) -> Iterator[list[grpc.Channel]]:
        # Without it, all of a process would share one connection.
        options = [("grpc.use_local_subchannel_pool", 1)]
        with ExitStack() as stack:
            yield [
                stack.enter_context(grpc.insecure_channel(self._address, options=options))
                for _ in range(CHANNELS)
            ]

    def _call_on(
        self, channel: grpc.Channel, rng: Random, over: threading.Event
    ) -> tuple[Counter[End], list[str]]:
        ends: Counter[End] = Counter()
        wrong: list[str] = []
        kinds, shares = list(KINDS), list(KINDS.values())
        while not over.wait(rng.uniform(0, PAUSE)):
            (kind,) = rng.choices(kinds, shares)
            end, words = self._call(kind, channel, rng)
            ends[end] += 1
            wrong += [words] if words else []
        return ends, wrong

    def _call(self, kind: Kind, channel: grpc.Channel, rng: Random) -> tuple[End, str]:
        """And what is wrong with it, if something is."""
        allowed = rng.uniform(SHORTEST, LONGEST)
        name = kind.__name__
        began = time.monotonic()
        try:
            kind(Client(channel, allowed, allowed + MARGIN), rng)
        except grpc.RpcError as error:
            call = cast("grpc.Call", error)
            end = End(name, call.code().name, reason_of(call.trailing_metadata() or ()))
            return end, "" if self._is_named(end, began) else f"{end}: {call.details()}"
        except (AssertionError, grpc.FutureCancelledError) as error:
            took = time.monotonic() - began
            words = f"{name}: {error!r} after {took:.1f} s, of {allowed:.1f} s"
            return End(name, type(error).__name__), words
        return End(name, "left" if kind is given_up else "OK"), ""

    def _is_named(self, end: End, began: float) -> bool:
        """Whether the status says why the call has failed."""
        if end.reason:
            return CAUSES.get(end.reason) == end.code
        if end.code == "UNAVAILABLE":
            # Nobody is left to say more.
            return any(began < lost + RECONNECTED for lost in self._lost)
        # The worker's own: it knows the deadline too.
        return end.code == "DEADLINE_EXCEEDED"
