"""What every engine's server is."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import grpc.aio


class Server(grpc.aio.Server):
    """A `grpc.aio.Server` that knows what it serves, and counts what it does.

    Generated `add_XServicer_to_server` functions, interceptors, health and reflection servicers
    take it as they take grpc's own.
    """

    @property
    @abc.abstractmethod
    def service_names(self) -> tuple[str, ...]:
        """Full names of the registered services, in the order of their registration.

        A generic handler that is no `grpc.ServiceRpcHandler` (a catch-all) has no name.
        """

    @property
    @abc.abstractmethod
    def is_empty(self) -> bool:
        """Whether no handler was registered at all."""

    @property
    @abc.abstractmethod
    def calls_begun(self) -> int:
        """Calls that have come since the start, whatever became of them."""

    @property
    @abc.abstractmethod
    def calls_running(self) -> int:
        """Calls whose handlers run, or wait to."""

    @abc.abstractmethod
    def statistics(self) -> dict[str, Any]:
        """Counts since the start, and what there is now.

        Every engine has `streams_begun` and `calls_running` (the two above), `calls`, a dict from
        (path, code) to how many have ended so, `latency`, a dict from path to how many took how
        long, `latency_buckets`, the bounds of that in seconds, and `seconds`, a dict from path to
        what they took together.
        """

    @abc.abstractmethod
    def queue_in_pool(self, work: Callable[[], object]) -> bool:
        """Has a thread of those that run plain functions do some work, when its turn comes.

        Returns:
            False if there are no such threads yet, or no longer: then it is not done.
        """

    @abc.abstractmethod
    async def drain(self, grace: float) -> None:
        """Stops as `stop` does, and loses no call that was on its way when that began.

        To be called when callers are told to go elsewhere: calls that come all the same are taken,
        for a time.

        Args:
            grace: Seconds after which calls that still run are ended.
        """
