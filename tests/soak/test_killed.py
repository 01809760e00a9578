"""Calls of all kinds through gateways, while workers and gateways are killed and stopped.

Each call ends within its time, with the right bytes or with a status that says why not; and when
all is over, the gateways are as they were.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from random import Random, SystemRandom

import grpc
import pytest

from tercet.cli.mesh import GATEWAY_TARGET
from tercet.cluster.spec import MeshSpec, ServiceSpec
from tests.integration.meshes import Mesh
from tests.soak.form import GROWTH, STORM_PART, STORM_PARTS
from tests.soak.mixed.callers import Callers
from tests.soak.mixed.kinds import SOUND
from tests.soak.mixed.reaper import Reaper
from tests.soak.mixed.remains import Held, held

MIB = 1 << 20
GATEWAYS, WORKERS = 2, 3
# The one that is killed in each part. The other lives to the end.
MORTAL = 0
# Seconds in which all is in its place again: a worker that dies often waits before it returns.
SETTLES = 40.0


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    services = [
        ServiceSpec(
            name="gateway",
            target=GATEWAY_TARGET,
            workers=GATEWAYS,
            bind="127.0.0.1:0",
            options={
                # Fewer than there are callers: some wait, and some find the queue full.
                "concurrency": {"mixed": 5},
                "queue": 8,
                "health_checks": {"interval": 0.5, "timeout": 0.5},
            },
            # Connections are dealt anew all the time.
            server_options={"grpc.max_connection_age_ms": 4000},
            routed=False,
            gateway=True,
        ),
        ServiceSpec(
            name="mixed",
            target="tests.soak.mixed.servicer:register",
            workers=WORKERS,
            import_from_cwd=True,
        ),
    ]
    made = Mesh(spec=MeshSpec(services=services, grace=1))
    try:
        yield made.wait_ready()
    finally:
        made.close()


def test_calls_while_their_workers_die(mesh: Mesh) -> None:
    seed = int(os.environ.get("TERCET_SOAK_SEED") or SystemRandom().randrange(1 << 32))
    print(f"TERCET_SOAK_SEED={seed}")
    rng = Random(seed)
    reaper = Reaper(mesh, rng)
    callers = Callers(mesh.gateway, rng, reaper.lost)
    # Who is where, before the first of them dies.
    at_rest(mesh, callers, None)
    rests: list[dict[int, Held]] = []
    for _ in range(STORM_PARTS):
        with callers.calling():
            reaper.harm("mixed", MORTAL, STORM_PART)
        rests.append(at_rest(mesh, callers, rests[0] if rests else None))
    report(callers, reaper, rests)
    assert not callers.wrong, f"{len(callers.wrong)} calls: {callers.wrong[:10]}"
    well = {end.kind for end in callers.ends if end.code == "OK"}
    assert well == {kind.__name__ for kind in SOUND}
    (survivor,) = set(range(GATEWAYS)) - {MORTAL}
    weights = [rest[survivor].rss for rest in rests]
    assert min(weights[-2:]) - weights[0] < GROWTH, weights
    assert "Traceback" not in mesh.output(), mesh.output()


def at_rest(mesh: Mesh, callers: Callers, before: dict[int, Held] | None) -> dict[int, Held]:
    """What the gateways hold when all are back, and each kind of call goes well again.

    Raises:
        AssertionError: They hold something of calls that are over, or more than `before`.
    """

    def ready() -> bool:
        return all(each["state"] == "ready" for each in mesh.workers())

    mesh.wait(ready, within=SETTLES)
    deadline = time.monotonic() + SETTLES
    while True:
        # Health checks may have yet to find out that who was stopped has gone on.
        try:
            callers.each_well()
            break
        except grpc.RpcError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    while True:
        now = held(mesh)
        more = {
            slot: [
                *(f"{count} {name}" for name, count in each.busy.items()),
                *([f"{each.columns} columns too many"] if each.columns else []),
                *excess(each, before[slot] if before else None),
            ]
            for slot, each in now.items()
        }
        if not any(more.values()):
            return now
        assert time.monotonic() < deadline, f"gateways by their slots: {more}; {now}"
        time.sleep(0.1)


def excess(now: Held, before: Held | None) -> list[str]:
    if before is None:
        return []
    return [
        f"{getattr(now, name)} {name}, {getattr(before, name)} before"
        for name in ("descriptors", "threads")
        if getattr(now, name) > getattr(before, name)
    ]


def report(callers: Callers, reaper: Reaper, rests: list[dict[int, Held]]) -> None:
    codes: Counter[str] = Counter()
    for end, count in callers.ends.items():
        codes[f"{end.code} {end.reason}".strip()] += count
    weights = " ".join(
        "/".join(f"{each.rss / MIB:.1f}" for _, each in sorted(rest.items())) for rest in rests
    )
    print(
        f"{callers.ends.total()} calls, {dict(codes.most_common())}; signals {dict(reaper.deeds)};"
        f" RSS of the gateways after each part, in MiB: {weights};"
        f" at the end {rests[-1]}"
    )
