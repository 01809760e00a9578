"""How long an attack is: a short form for every run of the tests, the long one for `make soak`."""

from __future__ import annotations

from tests.soak.form import LONG

MIB = 1 << 20
# Quiet and attacked seconds take turns, and their medians are compared: a machine that others use
# as well changes more in a minute than in a second.
ROUNDS = 3 if LONG else 2
# Seconds of one round.
ROUND = 3.0 if LONG else 0.4
# Harm is believed when it is seen in three tries one after another, and not at all in those whose
# quiet rounds alone differ by more than what is asserted: others may use the machine.
TRIES = 6
BELIEVED = 3
# Connections that an attacker opens in a second, unless to open them is the attack: each costs a
# real one a round trip, and the way through accept() is no limit's to guard.
RATE = 20.0
# Seconds that a server has for closing an attacker's connection once the round is over.
GRACE = 2.0
# Seconds for one test.
TIMEOUT = 300 if LONG else 60
