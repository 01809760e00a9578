"""Tercet: all the cores of a machine behind one gRPC port.

Importing this package is cheap: it loads neither grpc nor NumPy until a name needs them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tercet import client as client
    from tercet.client import Client as Client
    from tercet.client import connect as connect

__all__ = ["Client", "client", "connect"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        # Not `from tercet import client`: that asks this function first.
        module = importlib.import_module("tercet.client")
        return module if name == "client" else getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
