"""The kernels give the same bits at each instruction set level they are compiled for."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
INCLUDE = [f"-I{ROOT / folder}" for folder in ("native/include", "native/tercet/compute/kernels")]
# Those of setup.py.
FLAGS = ["-O3", "-ffp-contract=off", "-DTERCET_ONE_LEVEL"]
NEEDS = {"x86-64-v3": {"avx2", "fma", "bmi2"}, "x86-64-v4": {"avx512f", "avx512dq", "avx512vl"}}


def printed(level: str, folder: Path) -> str:
    program = folder / level
    source = str(Path(__file__).with_name("levels.c"))
    subprocess.run(
        ["cc", *FLAGS, f"-march={level}", *INCLUDE, source, "-o", str(program)], check=True
    )
    return subprocess.run([program], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("level", NEEDS)
def test_same_bits_as_the_lowest_level(level: str, tmp_path: Path):
    if platform.machine() != "x86_64":
        pytest.skip(f"{platform.machine()} has one level")
    if shutil.which("cc") is None:
        pytest.skip("no C compiler on PATH")
    flags = set(Path("/proc/cpuinfo").read_text().split())
    if not NEEDS[level] <= flags:
        pytest.skip(f"this CPU is not {level}")
    assert printed(level, tmp_path) == printed("x86-64", tmp_path)
