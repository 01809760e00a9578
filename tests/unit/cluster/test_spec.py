"""A mesh is validated before anything is started."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tercet.cluster.spec import MeshSpec

SERVICE = {"name": "greeter", "target": "examples.greeter:register", "workers": 2}
GATEWAY = SERVICE | {"name": "outer", "workers": 33, "routed": False, "gateway": True}


def mesh(**changes: Any) -> dict[str, Any]:
    return {"services": [SERVICE], **changes}


def test_a_good_one_survives_the_way_to_the_supervisor() -> None:
    spec = msgspec.convert(mesh(health="[::]:50059"), MeshSpec)
    assert msgspec.json.decode(msgspec.json.encode(spec), type=MeshSpec) == spec


def test_gateways_are_native_whatever_the_mesh_is() -> None:
    spec = msgspec.convert(mesh(services=[GATEWAY, SERVICE], engine="grpcio"), MeshSpec)
    assert [service.engine(spec.engine) for service in spec.services] == ["native", "grpcio"]
    assert spec.gateways == 33


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (mesh(services=[SERVICE | {"name": "No"}]), "no name for a service"),
        (mesh(services=[SERVICE | {"name": "a" * 32}]), "no name for a service"),
        (mesh(services=[SERVICE | {"name": "../x"}]), "no name for a service"),
        (mesh(services=[SERVICE | {"name": "control"}]), "control process"),
        (mesh(services=[SERVICE, SERVICE]), "two services"),
        (mesh(services=[SERVICE | {"target": "examples.greeter"}]), "no target"),
        (mesh(services=[SERVICE | {"target": "os;x:y"}]), "no target"),
        (mesh(services=[SERVICE | {"workers": 0}]), "1 to 1024"),
        (mesh(services=[SERVICE | {"bind": "here"}]), "no address"),
        (mesh(services=[SERVICE | {"colour": "red"}]), "unknown field"),
        (mesh(services=[SERVICE | {"gateway": True}]), "not routed to it"),
        (mesh(services=[GATEWAY, SERVICE, GATEWAY | {"name": "inner"}]), "66 gateway processes"),
        (mesh(health="x"), "no address"),
        (mesh(engine="steam"), "no engine 'steam'"),
        (mesh(grace=0.0), "grace"),
        (mesh(boot_timeout=float("nan")), "boot_timeout"),
    ],
)
def test_a_bad_one_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        msgspec.convert(given, MeshSpec)
