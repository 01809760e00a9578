"""Tercet: all the cores of a machine behind one gRPC port.

Importing this package is cheap: it loads neither grpc nor NumPy until a name needs them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tercet.client import Client as Client
    from tercet.client import connect as connect

__all__ = ["Client", "connect"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from tercet import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
