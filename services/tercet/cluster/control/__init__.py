"""The control process: answers what outsiders ask about the mesh, for the supervisor."""

from tercet.cluster.control.register import register

__all__ = ["register"]
