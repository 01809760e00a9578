"""CPUs as Kubernetes means them: the smaller of affinity and quota."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tercet.cluster.sizing import usable_cpus


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))


def test_without_a_quota_affinity_counts(tmp_path: Path) -> None:
    assert usable_cpus(cgroup=tmp_path) == 8


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("1600000 100000", 8),
    ],
)
def test_cgroup_v2(quota: str, expected: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert usable_cpus(cgroup=tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("250000", 3)])
def test_cgroup_v1(quota: str, expected: int, tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(cgroup=tmp_path) == expected
