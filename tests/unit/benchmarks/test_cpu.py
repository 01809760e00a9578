from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import cpu

# proc(5): utime is field 14, stime 15; the name is what a program makes it.
STAT = "42 (a) (b c) S 1 42 42 0 -1 4194560 900 0 0 0 {user} {system} 7 8 20 0 3 0 100"


def test_user_and_system_time_are_added() -> None:
    assert cpu.microseconds(STAT.format(user=3, system=4)) == 7 * cpu.TICK


def test_processes_are_added(tmp_path: Path) -> None:
    for pid, user in ((10, 1), (11, 2)):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(STAT.format(user=user, system=0))
    assert cpu.used([10, 11], tmp_path) == 3 * cpu.TICK


def test_load_and_what_is_measured_never_share_a_cpu() -> None:
    assert cpu.split({0, 1}) == ({1}, {0})
    assert cpu.split({2, 5, 9}) == ({9}, {5})


def test_one_cpu_is_not_enough() -> None:
    with pytest.raises(ValueError, match="two CPUs"):
        cpu.split({0})


def test_a_cpu_is_busy_with_programs_not_with_interrupts(tmp_path: Path) -> None:
    rows = ["cpu 9 9 9 9 9 9 9 9 9 9", "cpu0 1 2 3 900 50 60 70 4 5 6", "cpu1 8 0 0 0 0 0 0 0 0 0"]
    (tmp_path / "stat").write_text("\n".join([*rows, "intr 1 2 3", ""]))
    assert cpu.busy({0}, tmp_path) == 10 * cpu.TICK
    assert cpu.busy({0, 1}, tmp_path) == 18 * cpu.TICK
