"""Round robin: each in turn, whatever it is at work on."""

from typing_extensions import disjoint_base

from tercet.gateway._policy import Policy

@disjoint_base
class RoundRobin(Policy):
    """For calls that are alike, and endpoints whose other load is not known here."""
