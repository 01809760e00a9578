"""What to do about a reload that has failed: that depends on why."""

from __future__ import annotations

import re

# What the command of the start has said, if it was that: see `tercet.cluster.reading`.
_HINT = "\nhint: "
# A worker: "shop/0: its successor exited with 1".
_WORKER = re.compile(r"[a-z][a-z0-9-]*/\d+\b")
_CODE = (
    "the log has the traceback; `tercet check --import` imports what the configuration of a"
    " `tercet up` names"
)


def about_reload(cause: str) -> tuple[str, str]:
    """The message and the hint for a cause; the hint is "" if none would help.

    Args:
        cause: As the mesh tells it.
    """
    message, _, hint = cause.partition(_HINT)
    if not hint and " is about to go" not in cause and _WORKER.match(cause):
        hint = _CODE
    return message, hint
