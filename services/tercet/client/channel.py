"""The channel options of a client."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio

Options = Sequence[tuple[str, Any]]

# gRPC's default for what a server receives, and Tercet's.
DEFAULT_SEND_BYTES = 4 * 1024 * 1024
# More than gRPC's 4 MiB: an answer's size is the caller's own doing.
DEFAULT_RECEIVE_BYTES = 64 * 1024 * 1024

# A lost call of these two changes nothing on the server. All others may have run already, so
# whether to repeat them is the caller's decision.
_IDEMPOTENT = (
    {"service": "tercet.compute.v1.Compute", "method": "ListKernels"},
    {"service": "tercet.executor.v1.Executor", "method": "ListPrograms"},
)
_RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
SERVICE_CONFIG = json.dumps({"methodConfig": [{"name": _IDEMPOTENT, "retryPolicy": _RETRY}]})


def open_channel(
    address: str,
    *,
    credentials: grpc.ChannelCredentials | None,
    max_receive_bytes: int,
    options: Options,
) -> grpc.aio.Channel:
    """Opens a channel; later entries of `options` override earlier ones and the defaults."""
    merged: dict[str, Any] = {
        "grpc.max_receive_message_length": max_receive_bytes,
        # What may be sent is checked by us, where an error can say which input was too large.
        "grpc.max_send_message_length": -1,
        "grpc.service_config": SERVICE_CONFIG,
        # C-core servers answer pings more frequent than every 5 min with GOAWAY "too_many_pings"
        # (gRFC A8); a minute of slack for jitter.
        "grpc.keepalive_time_ms": 360_000,
        "grpc.keepalive_timeout_ms": 20_000,
        # A long kernel is silent: keep checking however long it takes.
        "grpc.http2.max_pings_without_data": 0,
        **dict(options),
    }
    if credentials is None:
        return grpc.aio.insecure_channel(address, options=list(merged.items()))
    return grpc.aio.secure_channel(address, credentials, options=list(merged.items()))
