"""The stubs of interop.proto, made in memory when they are imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc

PROTO = Path(__file__).with_name("interop.proto")

# Looked for on sys.path, where the root of the repository is. Any: the modules exist only now.
messages: Any
services: Any
messages, services = grpc.protos_and_services("tests/conformance/interop/interop.proto")

# Echoed by Unary and Converse: the first as initial metadata, the second as trailing metadata.
ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"
