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
    from tercet.rpc.credentials import (
        dynamic_ssl_server_credentials as dynamic_ssl_server_credentials,
    )
    from tercet.rpc.credentials import (
        ssl_server_certificate_configuration as ssl_server_certificate_configuration,
    )
    from tercet.rpc.credentials import ssl_server_credentials as ssl_server_credentials
    from tercet.rpc.engines import ENGINES as ENGINES
    from tercet.rpc.engines import server as server

__all__ = [
    "DEFAULT_ENGINE",
    "ENGINES",
    "ENGINE_NAMES",
    "Server",
    "dynamic_ssl_server_credentials",
    "server",
    "ssl_server_certificate_configuration",
    "ssl_server_credentials",
]
LAZY = {
    "ENGINES": "tercet.rpc.engines",
    "Server": "tercet.rpc.base",
    "server": "tercet.rpc.engines",
    "dynamic_ssl_server_credentials": "tercet.rpc.credentials",
    "ssl_server_certificate_configuration": "tercet.rpc.credentials",
    "ssl_server_credentials": "tercet.rpc.credentials",
}


def __getattr__(name: str) -> Any:
    if name in LAZY:
        import importlib

        return getattr(importlib.import_module(LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
