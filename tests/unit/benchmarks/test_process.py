"""Programs under test: started where they should be, ended whatever happens."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from benchmarks import ports
from benchmarks.process import NotReady, descendants, listening, pinned, started

SERVE = "import os, signal; print('on', *os.sched_getaffinity(0), flush=True); signal.pause()"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_born_on_its_cpu_and_ends_with_the_block() -> None:
    cpu = max(os.sched_getaffinity(0))
    with started([sys.executable, "-c", SERVE], cpus={cpu}, ready="on") as (pid, lines):
        assert lines == [f"on {cpu}"]
        assert alive(pid)
    assert not alive(pid)


def test_one_that_ends_before_it_is_ready_tells_what_it_said() -> None:
    cpus = os.sched_getaffinity(0)
    command = [sys.executable, "-c", "print('no port is free')"]
    with (
        pytest.raises(NotReady, match="no port is free"),
        started(command, cpus=cpus, ready="ready"),
    ):
        pytest.fail("it was never ready")


def test_cpus_are_listed_in_order() -> None:
    assert pinned(["h2load"], {3, 1}) == ["taskset", "--cpu-list", "1,3", "h2load"]


def test_one_that_ends_instead_of_listening_tells_what_it_said() -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such option')"]
    cpus = os.sched_getaffinity(0)
    with (
        pytest.raises(NotReady, match="no such option"),
        listening(command, cpus=cpus, port=ports.free_port()),
    ):
        pytest.fail("it was never ready")


def test_children_of_children_are_found() -> None:
    sleeping = "import time; print('on', flush=True); time.sleep(60)"
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    command = [sys.executable, "-c", child, sleeping]
    with started(command, cpus=os.sched_getaffinity(0), ready="on") as (pid, _):
        (found,) = descendants(pid)
        assert descendants(found) == []
        os.kill(found, signal.SIGTERM)
