# cython: auto_pickle=False
"""Deadlines on a hashed timing wheel: nearly every call has one, and nearly none reaches it.

Adding and removing one are a few stores, where a timer of the loop is an object with a place in a
heap. A deadline is found at the first tick after it, so at most TICK seconds late. Varghese and
Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987 (scheme 6: later rounds are left in their
slot).
"""

import logging

from tercet.rpc._ledger cimport now

cdef enum:
    SLOTS = 1024

cdef double TICK = 0.01

log = logging.getLogger("tercet.gateway")


cdef class Timed(Carrier):
    """Something with a deadline."""

    def __cinit__(self):
        self.slot = -1

    cdef int expired(self) except -1:
        raise NotImplementedError


cdef class Wheel:
    """Of one loop, to which it belongs."""

    def __cinit__(self, loop):
        self.loop = loop
        self.slots = [None] * SLOTS
        self.tick = <long long> (now() / TICK)

    def __len__(self):
        return self.count

    cdef int add(self, Timed call, double deadline) except -1:
        cdef long long tick
        cdef Timed first
        if self.timer is None:
            self.tick = <long long> (now() / TICK)
            self.timer = self.loop.call_later(TICK, self.turn)
        tick = max(<long long> (deadline / TICK) + 1, self.tick + 1)
        call.deadline = deadline
        call.slot = <int> (tick % SLOTS)
        first = self.slots[call.slot]
        call.later = first
        if first is not None:
            first.sooner = call
        self.slots[call.slot] = call
        self.count += 1
        return 0

    cdef int remove(self, Timed call) except -1:
        """One that is on no wheel is nothing."""
        if call.slot < 0:
            return 0
        if call.sooner is None:
            self.slots[call.slot] = call.later
        else:
            call.sooner.later = call.later
        if call.later is not None:
            call.later.sooner = call.sooner
        call.sooner = call.later = None
        call.slot = -1
        self.count -= 1
        return 0

    def turn(self):
        """A tick: ends what is due."""
        cdef double moment = now()
        cdef long long tick = <long long> (moment / TICK)
        cdef Timed call, later
        cdef list due = []
        if tick - self.tick > SLOTS:
            self.tick = tick - SLOTS
        while self.tick < tick:
            self.tick += 1
            call = self.slots[self.tick % SLOTS]
            while call is not None:
                later = call.later
                if call.deadline <= moment:
                    self.remove(call)
                    due.append(call)
                call = later
        # Nobody needs a tick while there is no deadline.
        self.timer = self.loop.call_later(TICK, self.turn) if self.count else None
        for call in due:
            try:
                call.expired()
            except Exception:
                log.exception("A call that is late cannot be ended")

    def close(self):
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
