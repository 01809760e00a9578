"""How long the promises are tested: short for every run of the tests, long for `make soak`."""

from __future__ import annotations

import os

LONG = os.environ.get("TERCET_SOAK") == "1"
# Callers through the gateway at once; some of them with a connection for each call.
CALLERS = 16
FRESH = 4
# Callers past the gateway, on the port that the workers share.
DIRECT, DIRECT_FRESH = 2, 4
# Rolling reloads, and times that a service grows and shrinks: of the plain service, of the others.
ROUNDS = 10
ROUNDS_BUILT_IN = 10 if LONG else 2
# Seconds for which a worker is killed every KILL_EVERY.
KILLING = 60.0 if LONG else 8.0
KILL_EVERY = 0.5
# Calls while workers are recycled, in so many equal parts; what the first one fills (caches, free
# lists, the allocator's arenas) is not growth.
CALLS = 5_000_000 if LONG else 1_000_000
PARTS = 5
# Bytes that a process may grow by meanwhile; see tests/soak/form.py.
GROWTH = (8 if LONG else 3) << 20
# Seconds for one test; nothing is said of how fast it must be.
TIMEOUT = 1800 if LONG else 240
