"""The seam between the runtime and a proxy: streams that are not answered here."""

from typing_extensions import disjoint_base

from tercet.rpc._ledger import Entry

@disjoint_base
class Carrier(Entry):
    """One stream that is carried on to somewhere else."""

    task: None

@disjoint_base
class Forwarder:
    """What a path leads to, if its streams are carried on."""

    whole: bool
