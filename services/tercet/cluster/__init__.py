"""The supervisor and its workers: any `register(server)` run as supervised processes.

Knows no service. The processes and what they may import:

* the supervisor (`python -m tercet.cluster`): one thread, no grpc, no network service;
* workers (`python -m tercet.cluster.worker`): one rpc server each, gateways among them;
* the control process: a worker that answers outsiders (`tercet.cluster.v1`, health).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tercet.cluster.hook import Event as Event

__all__ = ["Event"]


def __getattr__(name: str) -> Any:
    # Of what hooks are written against alone; the supervisor imports as little as it can.
    if name in __all__:
        from tercet.cluster import hook

        return getattr(hook, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
