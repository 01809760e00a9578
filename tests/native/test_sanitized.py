"""The runtime's native modules under the sanitizers of the compiler: `make debug`, in short."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ["tests/native/test_connection.py", "tests/unit/rpc"]


# Most of it is the build.
@pytest.mark.timeout(900)
def test_no_stray_access_and_nothing_undefined():
    program = ROOT / "scripts/sanitized.sh"
    run = subprocess.run(
        [program, *TESTS], capture_output=True, text=True, check=False, timeout=880
    )
    if run.returncode == 77:
        pytest.skip(run.stderr)
    assert run.returncode == 0, run.stdout + run.stderr
