"""The gRPC server runtime: `server()` gives a `grpc.aio.Server` of the chosen engine.

Knows no service. Importing it loads no grpc; its modules do.
"""

import os
from typing import TYPE_CHECKING, Any

# Before grpc is imported anywhere: with gRPC's fork handlers on, a child that is forked beside a
# running server may die before its exec (grpc/grpc#43055). Tercet never forks a server.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from tercet.rpc.names import DEFAULT_ENGINE, ENGINE_NAMES

if TYPE_CHECKING:
    from tercet.rpc.base import Server as Server
    from tercet.rpc.engines import ENGINES as ENGINES
    from tercet.rpc.engines import server as server

__all__ = ["DEFAULT_ENGINE", "ENGINES", "ENGINE_NAMES", "Server", "server"]
LAZY = frozenset({"ENGINES", "Server", "server"})


def __getattr__(name: str) -> Any:
    if name in LAZY:
        import importlib

        return getattr(importlib.import_module("tercet.rpc.engines"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
