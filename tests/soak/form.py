"""How long the soak is: a short form for every run of the tests, the long one for `make soak`."""

from __future__ import annotations

import os

LONG = os.environ.get("TERCET_SOAK") == "1"
CALLS = 1_000_000 if LONG else 30_000
# Of kinds of which there are several.
FEWER = 1_000_000 if LONG else 7500
CONNECTIONS = 10_000 if LONG else 600
# Seconds for one test; nothing is said of how fast it must be.
TIMEOUT = 3600 if LONG else 120
# The load comes in so many equal parts; what the first one fills (caches, free lists, the
# allocator's arenas) is not growth, and the lesser of the last two is what stays.
PARTS = 5
# Bytes that a server may grow by meanwhile. An arena of Python's is 1 MiB, and a moment in which
# more calls than usual are alive may cost a few. A leak shows in three parts of five at least: in
# the long form 14 bytes a call, less than Python's smallest block; in the short form 700.
# A leak of objects that the garbage collector knows is told apart from memory, to the object.
GROWTH = (8 if LONG else 3) << 20
# Calls through gateways whose workers die come in parts too, of so many seconds.
STORM_PARTS = 8 if LONG else 3
STORM_PART = 75.0 if LONG else 10.0
