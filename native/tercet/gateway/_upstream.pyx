# cython: auto_pickle=False
"""One service behind the gateway: its endpoints, the policy that picks among them, and its queue.

Theory of operation. A call goes to an endpoint that is usable and has room: on its connection, and
below `concurrency` calls of all gateways where that is set. If none has, the call waits in the queue,
first in, first out, until an endpoint is free, its deadline is over, or its caller has gone.

Guarantees:
* no call waits while an endpoint that could take it is idle: whatever may free a place leads to
  `pump`;
* a gateway whose oldest call is younger than that of another one lets it go first, for a moment: a
  gateway that has been stopped must not hold up the others;
* an upstream without any endpoint that is usable, or may soon be, fails its calls at once. May soon
  be: its source has said that one is expected, or may say so within `patience`, as the last one
  that was usable is lost.
"""

import logging
import time
from collections.abc import Iterable

cimport cython
from libc.stdint cimport int64_t, uint64_t

from tercet.gateway._call cimport Call
from tercet.gateway._endpoint cimport Endpoint
from tercet.gateway._host cimport Host
from tercet.gateway._plane cimport Plane
from tercet.gateway._policy cimport Candidates, Draw, Policy
from tercet.gateway._region cimport Region
from tercet.rpc._ledger cimport now

from tercet.gateway.v1 import gateway_pb2

cdef int NO_READY_WORKER = gateway_pb2.REASON_NO_READY_WORKER
cdef int NOT_STARTED = gateway_pb2.REASON_NOT_STARTED
cdef int QUEUE_FULL = gateway_pb2.REASON_QUEUE_FULL

# Seconds that another gateway's older call is waited for.
cdef double POLITE = 0.002

log = logging.getLogger("tercet.gateway")


cdef class Usable(Candidates):
    """Endpoints that may be given calls."""

    cdef list items

    def __cinit__(self, list items):
        cdef Endpoint endpoint
        self.items = items
        self.count = len(items)
        self.uneven = len({endpoint.weight for endpoint in items}) > 1

    cdef int64_t load(self, Py_ssize_t index) noexcept:
        return (<Endpoint> self.items[index]).load()

    cdef double weight(self, Py_ssize_t index) noexcept:
        return (<Endpoint> self.items[index]).weight


@cython.final
cdef class Upstream(Host):
    """Belongs to the loop of its plane.

    Args:
        name: Unique among the gateway's upstreams.
        concurrency: Calls that one endpoint works on at once, of all gateways; 0 for no limit.
        queue: Calls that may wait in this gateway.
        patience: Seconds that calls wait for word of the source, once no endpoint is usable.
    """

    cdef Plane plane
    cdef Region region
    cdef readonly Policy policy
    cdef readonly int64_t concurrency
    cdef readonly Py_ssize_t queue
    cdef readonly double patience
    # An endpoint will be added soon.
    cdef readonly bint expected
    # Until when one may be expected, though nobody has said so yet.
    cdef double hopeful_until
    cdef list all
    cdef Usable usable
    # What waits, the oldest first.
    cdef Call first
    cdef Call last
    cdef readonly Py_ssize_t waiting
    # -1 once it is closed: another upstream may have it.
    cdef int column
    cdef Draw draw
    # A timer runs that will pump.
    cdef object timer
    cdef bint pumping
    cdef unsigned long long queued
    cdef unsigned long long queue_full
    cdef unsigned long long retries

    def __cinit__(
        self, str name not None, Plane plane not None, Policy policy not None, *,
        int64_t concurrency=0, Py_ssize_t queue=1024, double patience=0.0
    ):
        self.name = name
        self.plane = plane
        self.region = plane.region
        self.policy = policy
        self.concurrency = concurrency
        self.queue = queue
        self.patience = patience
        self.all = []
        self.usable = Usable([])
        self.draw = plane.draw
        self.column = self.region.claim(f"upstream {name}")

    @property
    def endpoints(self):
        return tuple(self.all)

    @property
    def available(self):
        """Whether an endpoint takes calls."""
        return self.usable.count > 0

    def statistics(self):
        """What has happened so far, of this gateway."""
        return {
            "queued": self.queued, "queue_full": self.queue_full, "retries": self.retries,
        }

    def add(self, Endpoint endpoint not None):
        endpoint.join(self, self.region)
        self.all.append(endpoint)
        self.changed()

    def remove(self, Endpoint endpoint not None):
        """It takes no more calls; those that it has go on."""
        self.all.remove(endpoint)
        endpoint.retire()
        self.changed()

    def changed(self):
        """The state of an endpoint has changed: calls that wait may go on, or fail."""
        cdef Endpoint endpoint
        cdef bint was_usable = self.usable.count > 0
        self.usable = Usable([endpoint for endpoint in self.all if endpoint.is_usable()])
        if was_usable and self.usable.count == 0 and self.patience > 0:
            self.hopeful_until = now() + self.patience
            self.plane.loop.call_later(self.patience, self.pump)
        self.pump()

    def expect(self, bint expected):
        """Whether the source knows of an endpoint that will be added soon: calls wait for it."""
        self.expected = expected
        self.pump()

    def close(self):
        """Nobody routes to it any more. Calls that wait fail."""
        cdef Endpoint endpoint
        self.patience = self.hopeful_until = 0.0
        self.expected = False
        for endpoint in self.endpoints:
            self.remove(endpoint)
        self.pump()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.column >= 0:
            self.region.release(self.column)
            self.column = -1

    # -- Host ---------------------------------------------------------------------------------

    cdef int dispatch(self, call) except -1:
        cdef Call given = <Call> call
        cdef Endpoint endpoint
        given.host = self
        if given.tried is not None:
            self.retries += 1
        if self.first is None and not self.is_behind():
            endpoint = self.admitted(given)
            if endpoint is not None:
                return given.start(endpoint)
        if not self.is_hopeful(given):
            return self.give_up_on(given)
        if self.waiting >= self.queue:
            self.queue_full += 1
            return given.fail(QUEUE_FULL, str(self.queue))
        return self.enqueue(given)

    cdef int released(self, call) except -1:
        (<Call> call).endpoint.leave()
        if self.first is not None:
            self.pump()
        self.tell_others()
        return 0

    cdef int room_made(self) except -1:
        if self.first is not None and self.timer is None:
            # Not within a callback of the connection that has told it.
            self.look_again(0)
        return 0

    cdef int given_up(self, call) except -1:
        cdef bint was_first = self.first is call
        self.unlink(<Call> call)
        self.publish()
        if was_first:
            # Another gateway's call may be the oldest now.
            self.tell_others()
        return 0

    # -----------------------------------------------------------------------------------------

    def pump(self):
        """Gives calls that wait to endpoints that have room."""
        cdef Call call
        cdef Endpoint endpoint
        cdef Call oldest = self.first
        cdef Call after
        if self.pumping:
            return
        self.pumping = True
        try:
            call = self.first
            while call is not None:
                after = call.queue_after
                if not self.is_hopeful(call):
                    self.unlink(call)
                    call.waiting = False
                    self.give_up_on(call)
                    call = after
                    continue
                if self.is_behind() and now() - call.queued_since < POLITE:
                    self.tell_others()
                    self.look_again(POLITE)
                    break
                endpoint = self.admitted(call)
                if endpoint is None:
                    # Published first, then looked once more: a place that another gateway has
                    # freed in between has woken nobody.
                    self.publish()
                    endpoint = self.admitted(call)
                if endpoint is not None:
                    self.unlink(call)
                    call.start(endpoint)
                elif not call.tried:
                    break
                # Else those that it may not go to again may be free for the next.
                call = after
        finally:
            self.pumping = False
            self.publish()
            if self.first is not oldest:
                # Another gateway's call may be the oldest now.
                self.tell_others()

    def woken(self):
        """Another gateway has freed a place."""
        if self.first is not None:
            self.pump()

    cdef Endpoint admitted(self, Call call):
        """An endpoint that has counted the call; None if there is no room."""
        cdef Usable usable = self.usable
        cdef Endpoint endpoint
        cdef Py_ssize_t start, step
        if call.tried is not None:
            usable = Usable([
                endpoint for endpoint in usable.items if not call.has_tried(endpoint)])
        if usable.count == 0:
            return None
        start = self.policy.pick(usable)
        for step in range(usable.count):
            # The others are asked only if the one that was picked is full.
            endpoint = <Endpoint> usable.items[(start + step) % usable.count]
            if endpoint.is_usable() and endpoint.lane.has_room() \
                    and endpoint.admit(self.concurrency):
                return endpoint
        # Where gateways that ask at the same moment have got in each other's way, the region wakes.
        return None

    cdef bint is_behind(self) noexcept:
        """Whether another gateway has a call that has waited for longer than all of ours."""
        cdef uint64_t oldest
        if self.concurrency <= 0 or self.region.gateways <= 1 or self.column < 0:
            return False
        oldest = self.region.oldest_elsewhere(self.column)
        return oldest != 0 and (self.first is None or oldest < self.first.queued_ns)

    cdef bint is_hopeful(self, Call call):
        """Whether an endpoint may take the call, now or soon."""
        cdef Endpoint endpoint
        for endpoint in self.all:
            if endpoint.drained or call.has_tried(endpoint):
                continue
            if endpoint.healthy or endpoint.hangs:
                if endpoint.is_usable() or not endpoint.failing:
                    return True
        return self.expected or now() < self.hopeful_until

    cdef int give_up_on(self, Call call) except -1:
        cdef Endpoint endpoint
        if call.tried is not None or call.parted is not None:
            return call.fail(NOT_STARTED, call.refusal)
        causes = {}
        for endpoint in self.all:
            if endpoint.drained:
                cause = "drained"
            elif not endpoint.healthy:
                cause = endpoint.error or "unhealthy"
            else:
                cause = endpoint.error or "not connected"
            causes.setdefault(cause, endpoint.identity)
        return call.fail(NO_READY_WORKER, "; ".join(
            f"{identity}: {cause}" for cause, identity in list(causes.items())[:3]))

    cdef int enqueue(self, Call call) except -1:
        call.waiting = True
        call.queued_since = now()
        call.queued_ns = <uint64_t> (call.queued_since * 1e9)
        call.queue_before = self.last
        if self.last is None:
            self.first = call
        else:
            self.last.queue_after = call
        self.last = call
        self.waiting += 1
        self.queued += 1
        # A place may have been freed before the others could see that somebody waits; and those
        # that the first may not go to again may be free for this one.
        if self.first is call or self.first.tried:
            self.publish()
            self.pump()
        return 0

    cdef int unlink(self, Call call) except -1:
        if call.queue_before is None:
            self.first = call.queue_after
        else:
            call.queue_before.queue_after = call.queue_after
        if call.queue_after is None:
            self.last = call.queue_before
        else:
            call.queue_after.queue_before = call.queue_before
        call.queue_before = call.queue_after = None
        self.waiting -= 1
        return 0

    cdef void tell_others(self) noexcept:
        """Wakes other gateways whose calls wait: there may be a place for them."""
        if self.concurrency > 0 and self.region.gateways > 1 and self.column >= 0:
            self.region.wake(self.column)

    cdef void publish(self) noexcept:
        """Tells the other gateways what waits here."""
        if self.region.gateways > 1 and self.column >= 0:
            self.region.wait(
                self.column, self.waiting, 0 if self.first is None else self.first.queued_ns)

    cdef int look_again(self, double seconds) except -1:
        if self.timer is None:
            self.timer = self.plane.loop.call_later(seconds, self.looked_again)
        return 0

    def looked_again(self):
        self.timer = None
        self.pump()
