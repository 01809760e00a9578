"""However an upstream attacks its gateway, clients of other upstreams do not notice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.attacks.child import Child
from tests.attacks.form import MIB
from tests.attacks.scene import SETTLES, Scene
from tests.attacks.target import Gateway, Server, Target
from tests.attacks.upstreams import UPSTREAMS
from tests.conformance.gateway.upstreams import service
from tests.soak.serve import SERVICE

# Bytes that the gateway's RSS may grow by: a client's and a stream's windows, and buffers.
GROWTH = 24 * MIB


class Besieged(Gateway):
    """A gateway that is at rest when it is connected to all upstreams, the hostile ones too."""

    def facts(self) -> dict[str, Any]:
        deadline = time.monotonic() + SETTLES
        while not self.connected() and time.monotonic() < deadline:
            time.sleep(0.05)
        return super().facts()


class Siege(Scene):
    """The attacker calls upstreams, which then attack; the neighbour calls another one."""

    def __init__(self) -> None:
        super().__init__({})

    def cast(self, stack: ExitStack) -> tuple[Target, Child]:
        sound = Server(stack, {})
        ports = json.loads(stack.enter_context(Child("tests.attacks.hostile")).hear())
        hostile = {service(name): [f"127.0.0.1:{port}"] for name, port in ports.items()}
        target = Besieged(stack, {SERVICE: [sound.address], **hostile}, {})
        return target, stack.enter_context(Child("tests.attacks.customer", str(target.port)))


@pytest.fixture(scope="module")
def siege() -> Iterator[Siege]:
    with Siege() as made:
        yield made


@pytest.mark.parametrize("name", UPSTREAMS)
def test_a_hostile_upstream_harms_nobody(siege: Siege, name: str) -> None:
    report = siege.run(name)
    print(f"{name}: {report}")
    found = list(report.harmed)
    if not report.met:
        found.append("no call ended as it should")
    if report.unmet:
        found.append(f"{len(report.unmet)} calls ended otherwise: {report.unmet[0]}")
    if report.failed:
        found.append(f"{report.failed:.1%} of the neighbour's calls failed")
    if report.growth > GROWTH:
        found.append(f"the gateway grew by {report.growth / MIB:.0f} MiB")
    if report.left:
        found.append(f"the gateway keeps {', '.join(report.left)}")
    assert not found, f"{'; '.join(found)}. {report}"
