"""`server()`: the one place where an engine is chosen.

Services are written against the plain `grpc.aio` servicer interface, so that an engine can be
changed without touching them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

import grpc
import grpc.aio

from tercet.errors import ConfigError
from tercet.rpc.base import Server
from tercet.rpc.interceptor import DomainErrors
from tercet.rpc.names import DEFAULT_ENGINE

Options = Sequence[tuple[str, Any]]
Engine = Callable[..., Server]


def _grpcio(**arguments: Any) -> Server:
    from tercet.rpc.counting import Counting
    from tercet.rpc.grpcio import GrpcioServer

    counting = Counting()
    interceptors = [counting, DomainErrors(), *arguments.pop("interceptors")]
    for name, _ in arguments["options"]:
        if name.startswith("tercet."):
            warnings.warn(f"the engine grpcio has no option {name!r}", stacklevel=4)
    made = grpc.aio.server(interceptors=interceptors, **arguments)
    return GrpcioServer(made, counting, arguments["migration_thread_pool"])


def _native(**arguments: Any) -> Server:
    from tercet.rpc.native.server import NativeServer

    return NativeServer(**arguments)


VARIABLE = "TERCET_ENGINE"
ENGINES: dict[str, Engine] = {"grpcio": _grpcio, "native": _native}


def server(
    migration_thread_pool: Executor | None = None,
    handlers: Sequence[grpc.GenericRpcHandler] | None = None,
    interceptors: Sequence[grpc.aio.ServerInterceptor] | None = None,
    options: Options | None = None,
    maximum_concurrent_rpcs: int | None = None,
    compression: grpc.Compression | None = None,
    *,
    engine: str | None = None,
) -> Server:
    """Makes a gRPC server; the arguments beside `engine` are those of `grpc.aio.server`.

    Without `engine` it is that of the environment (TERCET_ENGINE), else `DEFAULT_ENGINE`.

    A `tercet.errors.TercetError` that a handler raises is answered with its status and rich
    details; any other exception as the engine answers it.

    Raises:
        ConfigError: `engine` is not a name in `ENGINES`.
    """
    engine = engine or os.environ.get(VARIABLE) or DEFAULT_ENGINE
    if engine not in ENGINES:
        raise ConfigError(
            f"there is no engine {engine!r}", hint=f"the engines are: {', '.join(sorted(ENGINES))}"
        )
    made = ENGINES[engine](
        migration_thread_pool=migration_thread_pool,
        interceptors=interceptors or (),
        options=list(options or ()),
        maximum_concurrent_rpcs=maximum_concurrent_rpcs,
        compression=compression,
    )
    # Not through the constructor: the server must see every handler to know its services.
    if handlers:
        made.add_generic_rpc_handlers(tuple(handlers))
    return made
