"""The shared counters' C code at full speed, and under the sanitizers of the compiler."""

from pathlib import Path

import pytest

from tests.native import sanitizers


@pytest.mark.parametrize(
    ("sanitizer", "admissions"), [("", 5000), ("thread", 1000), ("address,undefined", 1000)]
)
def test_the_limit_holds_and_no_wake_is_lost(
    sanitizer: str, admissions: int, tmp_path: Path
) -> None:
    sanitizers.run("region_race.c", sanitizer, tmp_path, str(admissions))
