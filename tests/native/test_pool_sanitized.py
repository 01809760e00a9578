"""The pool's C code under the sanitizers of the compiler."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLAGS = ["-D_GNU_SOURCE", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"]


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_no_race_and_no_stray_access(sanitizer: str, tmp_path: Path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler on PATH")
    program = tmp_path / "race"
    kind = [f"-fsanitize={sanitizer}", f"-I{ROOT / 'native/include'}"]
    source = Path(__file__).with_name("pool_race.c")
    build = [compiler, *FLAGS, *kind, str(source), "-o", str(program)]
    made = subprocess.run(build, capture_output=True, text=True, check=False)
    if "-fsanitize" in made.stderr or "cannot find" in made.stderr:
        pytest.skip(f"the compiler has no {sanitizer} sanitizer: {made.stderr.splitlines()[0]}")
    assert made.returncode == 0, made.stderr
    result = subprocess.run([program], capture_output=True, text=True, check=False)
    if "unexpected memory mapping" in result.stderr:
        pytest.skip("this kernel's address space layout is unknown to the thread sanitizer")
    assert result.returncode == 0, result.stderr
