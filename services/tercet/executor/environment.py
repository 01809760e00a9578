"""The environment of programs: fixed, and nothing of the service's own.

A service's environment holds secrets (tokens, addresses) and variables that change how a program
loads (LD_*, PYTHON*, NODE_OPTIONS, BASH_ENV), so nothing is inherited.
"""

from __future__ import annotations

from typing import Final

SEARCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DIRECTORY: Final = "/"


def environment() -> dict[str, str]:
    """A fresh copy of the environment that every program gets."""
    return {
        "PATH": SEARCH_PATH,
        # Present without a locale package since glibc 2.35; Debian has it built in.
        "LANG": "C.UTF-8",
        # sshd and systemd give this to users without a home: nothing can be read from it.
        "HOME": "/nonexistent",
        "TMPDIR": "/tmp",
    }
