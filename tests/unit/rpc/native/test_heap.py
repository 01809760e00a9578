"""What is kept of freed memory, and that it is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tercet.rpc.native.heap import MOST, SETTINGS, enough_for

MIB = 1 << 20


@pytest.mark.parametrize(
    ("largest", "asked", "kept"),
    [
        (4 * MIB, -1, 32 * MIB),
        (1 << 30, -1, MOST),
        (-1, -1, MOST),
        (4 * MIB, 0, 0),
        (4 * MIB, 7 * MIB, 7 * MIB),
    ],
)
def test_a_few_of_the_largest_messages_are_kept(largest: int, asked: int, kept: int) -> None:
    assert enough_for(largest, asked) == kept


# In a process of its own: there is no way back to malloc's own rules.
FAULTS = """
import resource, sys
from tercet.rpc.native import heap

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytes(40 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(heap.keep(int(sys.argv[1])))
faults()
print(faults())
"""


@pytest.mark.parametrize(("size", "kept"), [(256 * MIB, True), (0, False)])
def test_a_block_that_is_kept_costs_no_page_faults(size: int, kept: bool) -> None:
    # Under sanitizers malloc is theirs.
    ours = {*SETTINGS, "LD_PRELOAD"}
    environ = {name: value for name, value in os.environ.items() if name not in ours}
    said, faults = subprocess.run(
        [sys.executable, "-c", FAULTS, str(size)],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    assert said == str(kept)
    # 40 MiB are 10,240 pages, or 20 huge ones.
    assert (int(faults) < 20) == kept


def test_settings_of_the_environment_win() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "from tercet.rpc.native import heap; print(heap.keep(1 << 28))"],
        env={**os.environ, "MALLOC_TRIM_THRESHOLD_": "131072"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert said == "False\n"
