"""What is read of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from tercet.cluster.control.proc import read_all


def test_it_is_what_others_read() -> None:
    taken = read_all([os.getpid()])[os.getpid()]
    seen = psutil.Process()
    memory, times = seen.memory_full_info(), seen.cpu_times()
    assert taken.pss is not None
    assert 0.5 < taken.rss / memory.rss < 2
    assert 0.5 < taken.pss / memory.pss < 2
    assert 0 < taken.cpu < times.user + times.system + 0.001


def test_the_costly_number_is_read_for_who_wants_it() -> None:
    assert read_all([os.getpid()], pss=False)[os.getpid()].pss is None


def test_those_that_are_gone_are_left_out() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    # Not reaped: a zombie has no memory, but is no error.
    os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
    found = read_all([gone.pid, os.getpid()])
    assert os.getpid() in found
    assert found.get(gone.pid) is None or found[gone.pid].rss == 0
    gone.wait()
    assert gone.pid not in read_all([gone.pid])


def test_a_process_may_have_any_name(tmp_path: Path) -> None:
    process = tmp_path / "5"
    process.mkdir()
    (process / "stat").write_text("5 (a) 9 (b c) S " + " ".join(map(str, range(1, 50))))
    (process / "statm").write_text("9 2 1 0 0 0 0")
    taken = read_all([5], proc=tmp_path)[5]
    assert taken.rss == 2 * os.sysconf("SC_PAGE_SIZE")
    # utime and stime are the fields 14 and 15; the first number here is field 4.
    assert taken.cpu == (11 + 12) / os.sysconf("SC_CLK_TCK")
    assert taken.pss is None
