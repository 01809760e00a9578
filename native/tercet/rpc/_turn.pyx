# cython: auto_pickle=False
"""What is done at the end of a turn of the loop: connections that have something to send do it then,
so that all frames of the turn leave in one write each.

One callback of the loop for all connections: on uvloop one for each costs as much as sending a few
small frames.
"""

import logging
import weakref

log = logging.getLogger("tercet.rpc")

cdef object turns = weakref.WeakKeyDictionary()

cdef enum:
    # What is sent may make others send, such as a window that is given back: so often in one turn.
    ROUNDS = 3


cdef class Turn:
    """Of one loop, to which it belongs."""

    def __cinit__(self, loop):
        self.loop = loop
        self.due = []

    cdef int add(self, connection) except -1:
        """Has `connection.flush()` called at the end of this turn."""
        self.due.append(connection)
        if not self.planned:
            self.planned = True
            self.loop.call_soon(self.end)
        return 0

    def end(self):
        """Calls them, in the order in which they asked for it."""
        cdef int turn
        cdef list due
        for turn in range(ROUNDS):
            due = self.due
            if not due:
                break
            self.due = []
            for connection in due:
                try:
                    connection.flush()
                except Exception:
                    log.exception("A connection cannot send")
        self.planned = False
        if self.due:
            self.planned = True
            self.loop.call_soon(self.end)


cdef Turn turn_of(loop):
    """The one of a loop."""
    cdef Turn found = turns.get(loop)
    if found is None:
        # Not through what it is the key of, or neither would ever go.
        found = turns[loop] = Turn(weakref.proxy(loop))
    return found
