"""Tells that the mesh serves: whoever has started it as a table, the log as a record.

A log of JSON has nothing in it but JSON. With a log in a file, the terminal of the start would show
nothing at all and look hung; so it is kept until there is something to say.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from tercet.cluster.banner import banner
from tercet.cluster.messages import WorkerRecord
from tercet.cluster.spec import CONTROL, MeshSpec
from tercet.cluster.voice import Voice

log = logging.getLogger("tercet")
STDOUT = 1


class Screen:
    """Where the start is shown. To be made before output is redirected to the log.

    Args:
        spec: Of the mesh.
    """

    def __init__(self, spec: MeshSpec) -> None:
        self._spec = spec
        self._is_text = spec.log_format == "text" and not spec.log
        # Of its own, where standard output is about to be the log.
        self._terminal = os.dup(STDOUT) if spec.log and os.isatty(STDOUT) else -1

    def serving(self, records: Sequence[WorkerRecord], runtime: Path) -> None:
        """All workers are ready."""
        table = banner(records, runtime, self._spec.hints)
        if self._is_text:
            Voice(STDOUT).say(table)
            return
        found = {
            # The port of the control process is that of health.
            "health" if record.service == CONTROL else record.service: record.bind
            for record in records
            if record.bind
        }
        said = ", ".join(f"{service} {bind}" for service, bind in found.items())
        log.info("serving: %s", said or "no ports", extra={"addresses": found})
        self.tell(f"{table}\nThe log is {self._spec.log}.")
        self.close()

    def tell(self, text: str) -> None:
        """Shows a text on the terminal, if that is not where the log goes anyway."""
        if self._terminal >= 0:
            voice = Voice(self._terminal)
            voice.say(text)
            voice.close()

    def close(self) -> None:
        """Lets the terminal go."""
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1
