"""Each limit is attacked, and the server's other clients do not notice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.attacks.attack import Attack
from tests.attacks.form import MIB
from tests.attacks.scene import Stage
from tests.attacks.table import ATTACKS, BEFORE_SERVERS, FEW
from tests.soak.form import LONG


# One server for all attacks that need no other.
def ordered(attacks: Mapping[str, Attack]) -> list[str]:
    return sorted(attacks, key=lambda name: sorted(attacks[name].options.items()))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.clear()


@pytest.fixture(scope="module")
def fronted() -> Iterator[Stage]:
    made = Stage(fronted=True)
    yield made
    made.clear()


@pytest.mark.parametrize("name", ordered(ATTACKS))
def test_an_attack_is_stopped_and_harms_nobody(stage: Stage, name: str):
    survives(stage, name, ATTACKS[name])


@pytest.mark.parametrize(
    "name", ordered(BEFORE_SERVERS if LONG else {name: BEFORE_SERVERS[name] for name in FEW})
)
def test_an_attack_on_a_gateway_harms_nobody(fronted: Stage, name: str):
    survives(fronted, name, BEFORE_SERVERS[name])


def survives(stage: Stage, name: str, attack: Attack) -> None:
    try:
        report = stage.scene(attack.options).run(name, judged=not attack.works)
    except BaseException:
        stage.clear()
        raise
    print(f"{name}: {report}")
    found = list(report.harmed)
    if attack.counters and not any(report.counted[counter] > 0 for counter in attack.counters):
        found.append(f"none of {attack.counters} was counted")
    if attack.sees and not report.met:
        found.append(f"no connection saw any of {attack.sees}")
    if report.unmet:
        found.append(f"{len(report.unmet)} connections saw only {report.unmet[0]}")
    if report.failed > attack.refused:
        found.append(f"{report.failed:.1%} of the neighbour's calls failed")
    if report.growth > attack.growth:
        found.append(f"the server grew by {report.growth / MIB:.0f} MiB")
    if report.left:
        found.append(f"the server keeps {', '.join(report.left)}")
    if found:
        stage.clear()
    assert not found, f"{'; '.join(found)}. {report}"
