"""What a user sees when the mesh is ready."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tercet.cluster.banner import banner
from tercet.cluster.messages import WorkerRecord
from tercet.cluster.states import State


def record(service: str, **changes: Any) -> WorkerRecord:
    fields: dict[str, Any] = {
        "slot": 0,
        "generation": 1,
        "pid": 42,
        "state": State.READY,
        "bound": True,
        "address": f"unix:/run/{service}.sock",
        "bind": "",
        "grpc_services": [],
        "started": 0.0,
        "restarts": 0,
        "last_exit": "",
        "routed": True,
    }
    return WorkerRecord(service=service, **(fields | changes))


def test_a_row_per_worker_with_where_it_is_reached() -> None:
    shown = banner(
        [record("gateway", bind="127.0.0.1:50050"), record("compute", pid=43)], Path("/run/1"), []
    ).splitlines()
    assert shown[0].split() == ["SERVICE", "SLOT", "PID", "STATE", "ADDRESS"]
    assert shown[1].split() == ["gateway", "0", "42", "ready", "127.0.0.1:50050"]
    assert shown[2].split() == ["compute", "0", "43", "ready", "unix:/run/compute.sock"]
    assert "Runtime directory: /run/1" in shown


@pytest.mark.parametrize(
    ("bind", "reached"),
    [
        ("127.0.0.1:50050", "127.0.0.1:50050"),
        ("[::]:50050", "localhost:50050"),
        ("0.0.0.0:1", "localhost:1"),
        ("[::1]:1", "[::1]:1"),
        ("", "unix:/run/my-service.sock"),
    ],
)
def test_hints_name_an_address_that_a_client_can_use(bind: str, reached: str) -> None:
    shown = banner([record("my-service", bind=bind)], Path("/run/1"), ["try $my_service {now} $x"])
    assert f"try {reached} {{now}} $x" in shown
