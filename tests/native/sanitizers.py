"""Builds a C program with a sanitizer of the compiler, and runs it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLAGS = ["-D_GNU_SOURCE", "-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"]


def run(source: str, sanitizer: str, folder: Path, *arguments: str) -> None:
    """Fails unless the program, a file of this directory, is built without a warning and exits 0.

    Args:
        sanitizer: As -fsanitize has it; "" for none, and optimized code.
        folder: Where the program may lie.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler on PATH")
    program = folder / "race"
    kind = ["-O1", f"-fsanitize={sanitizer}"] if sanitizer else ["-O2"]
    path = str(Path(__file__).with_name(source))
    build = [compiler, *FLAGS, *kind, f"-I{ROOT / 'native/include'}", path, "-o", str(program)]
    made = subprocess.run(build, capture_output=True, text=True, check=False)
    if "-fsanitize" in made.stderr or "cannot find" in made.stderr:
        pytest.skip(f"the compiler has no {sanitizer} sanitizer: {made.stderr.splitlines()[0]}")
    assert made.returncode == 0, made.stderr
    result = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if "unexpected memory mapping" in result.stderr:
        pytest.skip("this kernel's address space layout is unknown to the thread sanitizer")
    assert result.returncode == 0, result.stderr
