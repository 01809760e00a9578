"""The hand-written .pyi files say what the compiled modules have."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "native"
MODULES = sorted(
    ".".join(source.relative_to(NATIVE).with_suffix("").parts) for source in NATIVE.rglob("*.pyx")
)


def test_stubs_match_the_compiled_modules():
    assert MODULES
    command = [sys.executable, "-m", "mypy.stubtest", "--concise", *MODULES]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
