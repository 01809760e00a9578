"""The hostile upstreams in a process: `python -m tests.attacks.hostile`.

Prints the ports of all by their names as JSON, and serves until its stdin ends.
"""

from __future__ import annotations

import json
import os
import sys

from tests.attacks import cores
from tests.attacks.upstreams import UPSTREAMS
from tests.conformance.gateway.upstreams import Upstreams


def serve() -> None:
    # As attackers: the neighbour's client goes first.
    os.nice(19)
    cores.take(1)
    with Upstreams(UPSTREAMS) as served:
        print(json.dumps(served.ports), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    serve()
