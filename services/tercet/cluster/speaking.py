"""Where the supervisor's own words go, and in which form."""

from __future__ import annotations

import sys

from tercet.cluster import logs
from tercet.cluster.spec import MeshSpec
from tercet.cluster.voice import Voice, VoiceHandler


def speak(mesh: MeshSpec) -> None:
    """Has all that this process and those it starts say go to the log of a mesh, if it has one.

    Raises:
        OSError: It cannot be opened; all stays as it was.
    """
    if mesh.log:
        logs.redirect(mesh.log)
    logs.configure("tercet", mesh.log_format, VoiceHandler(Voice(sys.stderr.fileno())))
