"""Finds a `register` function and calls it."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any, Protocol, cast

import msgspec

from tercet.cluster.worker.context import Closer, Worker
from tercet.errors import ConfigError
from tercet.rpc.base import Server

Register = Callable[..., Any]


class Targeted(Protocol):
    """What names a target, such as a `WorkerSpec`."""

    @property
    def target(self) -> str: ...
    @property
    def import_from_cwd(self) -> bool: ...


def load(spec: Targeted) -> Register:
    """Imports the target of a spec.

    Raises:
        ConfigError: There is no such module or function. An error inside the module is raised as
            it is: its traceback is what the user needs.
    """
    if spec.import_from_cwd and "" not in sys.path:
        sys.path.insert(0, "")
    module_name, _, function_name = spec.target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module_name != missing and not module_name.startswith(f"{missing}."):
            raise
        raise ConfigError(
            f"there is no module {missing!r} for the target {spec.target}",
            hint="run it from the directory that holds the module, or install the module",
            reason="NO_TARGET",
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise ConfigError(
            f"module {module_name!r} has no function {function_name!r}",
            hint="the target is written as package.module:function",
            reason="NO_TARGET",
        )
    return cast("Register", function)


async def call(register: Register, server: Server, worker: Worker) -> None:
    """Calls register(server, **options), with worker=... where it has such a parameter.

    It may be a coroutine function, and may return an async function to be run at the end.

    Raises:
        ConfigError: The options do not fit, nothing was registered, or what was returned is no
            closer.
    """
    arguments = dict(worker.spec.options)
    signature = inspect.signature(register)
    if "worker" in signature.parameters:
        arguments["worker"] = worker
    try:
        signature.bind(server, **arguments)
    except TypeError as error:
        raise ConfigError(
            f"{worker.spec.target} does not take these options: {error}",
            hint=f"see options of [services.{worker.spec.service}] in the configuration, or what"
            " --option says",
            reason="BAD_OPTIONS",
        ) from error
    try:
        closer = register(server, **arguments)
        if inspect.isawaitable(closer):
            closer = await closer
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"the options of {worker.spec.service} are wrong: {error}", reason="BAD_OPTIONS"
        ) from error
    if closer is not None and not inspect.iscoroutinefunction(closer):
        raise ConfigError(
            f"{worker.spec.target} returned {closer!r}",
            hint="return None, or an async function to be run when the server has stopped",
            reason="BAD_TARGET",
        )
    if server.is_empty:
        raise ConfigError(
            f"{worker.spec.target} registered no service",
            hint="call add_...Servicer_to_server(..., server) in it",
            reason="BAD_TARGET",
        )
    if closer is not None:
        worker.on_close(cast("Closer", closer))
