"""The worker process: hosts one `register(server)` on one rpc server."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tercet.cluster.worker.context import Worker as Worker

__all__ = ["Worker"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from tercet.cluster.worker import context

        return getattr(context, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
