"""The options of the native engine: grpc's own names, and ours."""

from __future__ import annotations

import resource
import warnings
from collections.abc import Sequence
from typing import Any

from tercet.rpc._limits import DEFAULTS, Limits
from tercet.rpc.native import keepalive, patience

# Of the limits, those that grpc has a name for; the others are "tercet.max_..." or, if they are
# rates, "tercet....".
GRPCS = {
    "max_message": "grpc.max_receive_message_length",
    "max_send": "grpc.max_send_message_length",
    "max_streams": "grpc.max_concurrent_streams",
    "metadata_size": "grpc.max_metadata_size",
}
LIMITS = {
    name: GRPCS.get(name)
    or (f"tercet.{name}" if name.endswith("_per_second") else f"tercet.max_{name}")
    for name in DEFAULTS
}
KNOWN: dict[str, int] = {
    **{option: DEFAULTS[name] for name, option in LIMITS.items()},
    **keepalive.KNOWN,
    **patience.KNOWN,
    "grpc.so_reuseport": 1,
    # As grpc.Compression counts; the argument `compression` is above it.
    "grpc.default_compression_algorithm": 0,
    # Freed memory, in bytes, that the process keeps; see `heap`.
    "tercet.kept_memory": -1,
}
# In milliseconds; -1 is "never", and so is 0 where none at all would end every connection.
TIMES = frozenset(name for name in {**keepalive.KNOWN, **patience.KNOWN} if name.endswith("_ms"))
NONE_AT_ALL = frozenset(
    {"grpc.http2.min_ping_interval_without_data_ms", "grpc.max_connection_age_grace_ms"}
)
LARGEST = (1 << 62) - 1
# Descriptors that are not for connections; and connections, at 15 KiB each, that are enough.
RESERVED = 100
MOST_CONNECTIONS = 1 << 16


def values(options: Sequence[tuple[str, Any]]) -> dict[str, int]:
    """The value of every option. grpc's own that are not known here are warned of.

    Raises:
        ValueError: A value is no whole number that the option may have, or there is no option of
            ours of that name.
    """
    given = dict(options)
    for name in given.keys() - KNOWN.keys():
        if name.startswith("tercet."):
            raise ValueError(f"there is no option {name!r}{_like(name)}")
        warnings.warn(f"the native engine does not know the option {name!r}", stacklevel=5)
    return {name: _number(name, given.get(name, default)) for name, default in KNOWN.items()}


def limits(found: dict[str, int]) -> Limits:
    """What peers may do, by the values of all options."""
    chosen = {name: found[option] for name, option in LIMITS.items()}
    if chosen["connections"] < 0:
        chosen["connections"] = _affordable()
    return Limits(**chosen)


def _affordable() -> int:
    """Connections for which there are descriptors, as HAProxy reckons its maxconn."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return min(max(soft - RESERVED, soft // 2), MOST_CONNECTIONS)


def _number(option: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise ValueError(f"the option {option!r} must be a number, not {value!r}") from None
    if not -1 <= number <= LARGEST:
        raise ValueError(f"the option {option!r} must be -1 to {LARGEST}, not {number}")
    if option in TIMES and (number < 0 or (number == 0 and option not in NONE_AT_ALL)):
        return keepalive.NEVER
    if option == "grpc.default_compression_algorithm" and not 0 <= number <= 2:
        raise ValueError(f"the option {option!r} must be 0 (none), 1 (deflate) or 2 (gzip)")
    return number


def _like(name: str) -> str:
    """A question, if there is an option that may be meant."""
    # For mistakes alone.
    import difflib

    found = difflib.get_close_matches(name, KNOWN, 1)
    return f": do you mean {found[0]!r}?" if found else ""
