"""The command `tercet`: one file per verb.

Importing this is cheap; a verb imports what it needs when it runs.
"""

from typing import NoReturn


def main() -> NoReturn:
    """The console script: the only place that exits."""
    import sys

    from tercet.cli.running import run

    sys.exit(run(sys.argv[1:]))
