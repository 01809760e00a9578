"""The line that every report begins with."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from tercet.cluster.sizing import usable_cpus


def line(packages: Sequence[str]) -> str:
    """CPUs, kernel, Python and packages; nothing that names this very machine."""
    parts = [
        f"{usable_cpus()} x {cpu_model(Path('/proc/cpuinfo').read_text())}",
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}",
        *(f"{package} {version(package)}" for package in packages),
    ]
    return ", ".join(parts)


def cpu_model(cpuinfo: str) -> str:
    for row in cpuinfo.splitlines():
        name, _, value = row.partition(":")
        if name.strip() == "model name":
            return value.strip()
    # ARM kernels print no name.
    return platform.machine()


def load_average() -> float:
    """Processes that ran or waited, over the last minute."""
    return os.getloadavg()[0]
