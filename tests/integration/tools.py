"""Programs that only some tests use: skipped where they are not installed, but not in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".tools" / "bin"


def find(name: str) -> str | None:
    """Path of a program that `make tools` installed, else of the one on PATH."""
    path = os.pathsep.join([str(INSTALLED), os.environ.get("PATH", "")])
    return shutil.which(name, path=path)


def unavailable(reason: str) -> NoReturn:
    """Skips the test with that reason; in CI, fails it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
