"""CPUs as Kubernetes means them: the smaller of affinity and quota."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tercet.cluster.sizing import cpus, usable_cpus


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {7, 1, 2, 3, 4, 5, 6, 0})


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Says which groups this process is in."""
    made = tmp_path / "own"
    made.write_text("0::/\n")
    return made


def v2(group: Path, quota: str) -> None:
    group.mkdir(parents=True, exist_ok=True)
    (group / "cpu.max").write_text(f"{quota}\n")


def v1(group: Path, quota: str, period: str = "100000") -> None:
    group.mkdir(parents=True, exist_ok=True)
    (group / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (group / "cpu.cfs_period_us").write_text(f"{period}\n")


def test_the_cpus_have_numbers() -> None:
    assert cpus() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_without_a_quota_affinity_counts(tmp_path: Path, own: Path) -> None:
    assert usable_cpus(cgroup=tmp_path, own=own) == 8
    assert usable_cpus(cgroup=tmp_path, own=tmp_path / "nowhere") == 8


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("1600000 100000", 8),
        ("rubbish", 8),
        ("100000 0", 8),
    ],
)
def test_cgroup_v2(quota: str, expected: int, tmp_path: Path, own: Path) -> None:
    v2(tmp_path, quota)
    assert usable_cpus(cgroup=tmp_path, own=own) == expected


@pytest.mark.parametrize(
    ("quotas", "expected"),
    [
        # As systemd's CPUQuota= of a service sets it, at the top of a tree without any.
        ({"system.slice/shop.service": "300000 100000"}, 3),
        # That of the slice is less than that of the service in it.
        ({"system.slice": "200000 100000", "system.slice/shop.service": "max 100000"}, 2),
        ({"system.slice": "max 100000", "system.slice/shop.service": "50000 100000"}, 1),
        ({"": "400000 100000", "system.slice": "600000 100000"}, 4),
        # Of a neighbour.
        ({"system.slice/bank.service": "100000 100000"}, 8),
    ],
)
def test_the_least_on_the_way_counts(
    quotas: dict[str, str], expected: int, tmp_path: Path, own: Path
) -> None:
    for group, quota in quotas.items():
        v2(tmp_path / group, quota)
    own.write_text("0::/system.slice/shop.service\n")
    assert usable_cpus(cgroup=tmp_path, own=own) == expected


def test_a_path_of_the_host_leads_nowhere_in_a_container(tmp_path: Path, own: Path) -> None:
    v2(tmp_path, "200000 100000")
    own.write_text("0::/kubepods/pod1/abc\n")
    assert usable_cpus(cgroup=tmp_path, own=own) == 2


def test_a_path_outside_of_the_namespace_is_not_followed(tmp_path: Path, own: Path) -> None:
    v2(tmp_path / "other", "100000 100000")
    own.write_text("0::/../other\n")
    assert usable_cpus(cgroup=tmp_path / "mine", own=own) == 8


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("250000", 3)])
def test_cgroup_v1(quota: str, expected: int, tmp_path: Path, own: Path) -> None:
    v1(tmp_path / "cpu", quota)
    assert usable_cpus(cgroup=tmp_path, own=own) == expected


def test_cgroup_v1_of_a_nested_group(tmp_path: Path, own: Path) -> None:
    v1(tmp_path / "cpu", "-1")
    v1(tmp_path / "cpu" / "docker", "600000")
    v1(tmp_path / "cpu" / "docker" / "abc", "250000")
    own.write_text("5:memory:/elsewhere\n4:cpu,cpuacct:/docker/abc\n0::/unified\n")
    assert usable_cpus(cgroup=tmp_path, own=own) == 3
