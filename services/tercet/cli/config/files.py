"""Whether the files that a mesh writes could be written, by whoever asks."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tercet.cli.config.checking import OptionError
from tercet.cli.config.fields import Path
from tercet.cli.config.sections import Config

STDOUT = "-"


def unwritable(config: Config) -> Iterator[OptionError]:
    """What is wrong with them; nothing is opened or made."""
    files: dict[Path, str] = {
        ("cluster", "log"): config.cluster.log,
        ("cluster", "pid_file"): config.cluster.pid_file,
    }
    if config.gateway.enabled and config.gateway.access_log != STDOUT:
        files[("gateway", "access_log")] = config.gateway.access_log
    for path, file in files.items():
        if file and (why := _why_not(file)):
            yield OptionError(f"{path[-1]} is {file}: {why}", path=path)


def _why_not(file: str) -> str:
    folder = os.path.dirname(os.path.abspath(file))
    if os.path.isdir(file):
        return "that is a directory"
    if os.path.exists(file):
        return "" if os.access(file, os.W_OK) else "it cannot be written by you"
    if not os.path.isdir(folder):
        return f"there is no directory {folder}"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"you cannot write in {folder}"
