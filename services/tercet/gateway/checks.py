"""Active health checks of one endpoint: grpc.health.v1, as a client of it would ask.

What counts:

* an answer SERVING is healthy; so is any status that shows a server at work which cannot or will
  not tell: it has no health service, wants a password for it, or is at its limit of calls. (To
  take a server out because it is busy would make the others busier.)
* an answer NOT_SERVING is believed at once: somebody has said so;
* no answer in time, a lost connection, or any other status is a failure. `FAILURES` in a row make
  the endpoint unhealthy: a worker that computes for seconds on its event loop is late, not ill.
* while the data plane has no connection, nothing is asked. No call goes there anyway, and the
  dialer knows why; as soon as it has one, the endpoint is asked.

One that is unhealthy because it did not answer is asked again without a pause worth the name: the
question waits at the worker that hangs, and is answered in the moment in which that goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from random import Random
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tercet.gateway.config import HealthChecks

if TYPE_CHECKING:
    from tercet.gateway._endpoint import Endpoint
    from tercet.gateway._upstream import Upstream

log = logging.getLogger("tercet.gateway")

FAILURES = 2
# Seconds from a check that was not answered to the next, of an unhealthy endpoint.
PAUSE = 0.2
# Up to so much more or less of an interval, so that gateways do not ask all at once.
JITTER = 0.2
AT_WORK = frozenset(
    {
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


class Checks:
    """Writes `endpoint.healthy`, and `endpoint.error` with it.

    Args:
        channel: To the endpoint; not closed here.
    """

    def __init__(
        self,
        upstream: Upstream,
        endpoint: Endpoint,
        channel: grpc.aio.Channel,
        config: HealthChecks,
        *,
        rng: Random,
    ) -> None:
        self._upstream = upstream
        self._endpoint = endpoint
        self._health: Any = health_pb2_grpc.HealthStub(channel)
        self._config = config
        self._rng = rng
        self._failures = 0
        self._unanswered = False
        self._soon = asyncio.Event()

    def soon(self) -> None:
        """Does not wait for the interval to pass: the endpoint has just been connected."""
        self._soon.set()

    async def run(self) -> None:
        """Checks for ever."""
        while True:
            await self._pause()
            if self._endpoint.connected:
                await self.check()

    async def check(self) -> None:
        """Asks once, and draws the consequences."""
        failure, certain = await self._ask()
        if not failure:
            self._failures = 0
            self._set(True, "")
        elif self._endpoint.connected:
            self._failures += 1
            if certain or self._failures >= FAILURES:
                self._set(False, failure, hangs=not certain)

    async def _ask(self) -> tuple[str, bool]:
        """What is wrong, "" for nothing, and whether the endpoint itself has said so."""
        self._unanswered = False
        try:
            answer = await self._health.Check(
                health_pb2.HealthCheckRequest(), timeout=self._config.timeout
            )
        except grpc.aio.AioRpcError as error:
            if error.code() in AT_WORK:
                return "", False
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._unanswered = True
                return f"no answer within {self._config.timeout:g} s", False
            return f"{error.code().name}: {error.details()}", False
        if answer.status == health_pb2.HealthCheckResponse.NOT_SERVING:
            return "it says NOT_SERVING", True
        return "", False

    def _set(self, healthy: bool, why: str, *, hangs: bool = False) -> None:
        if (healthy, hangs) == (self._endpoint.healthy, self._endpoint.hangs):
            return
        self._endpoint.ejections += self._endpoint.healthy and not healthy
        self._endpoint.healthy = healthy
        # One that does not answer may be at work on something long: calls may wait for it.
        self._endpoint.hangs = hangs
        self._endpoint.error = why
        self._upstream.changed()
        if healthy:
            log.info("%s of %s is healthy again", self._endpoint.identity, self._upstream.name)
        else:
            log.warning(
                "%s of %s is unhealthy: %s", self._endpoint.identity, self._upstream.name, why
            )

    async def _pause(self) -> None:
        interval = self._config.interval
        if self._unanswered and not self._endpoint.healthy:
            interval = min(interval, PAUSE)
        interval *= 1 + JITTER * self._rng.uniform(-1, 1)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(interval):
                await self._soon.wait()
        self._soon.clear()
