"""The pool's C code under the sanitizers of the compiler."""

from pathlib import Path

import pytest

from tests.native import sanitizers


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_no_race_and_no_stray_access(sanitizer: str, tmp_path: Path):
    sanitizers.run("pool_race.c", sanitizer, tmp_path)
