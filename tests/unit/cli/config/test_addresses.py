"""Which addresses cannot be listened on beside each other."""

from __future__ import annotations

import pytest

from tercet.cli.config.addresses import shared
from tercet.cli.config.sections import ClusterSection, Config, GatewaySection, ServiceSection


def config(gateway: str, health: str, own: str = "", *, enabled: bool = True) -> Config:
    return Config(
        gateway=GatewaySection(bind=gateway, enabled=enabled),
        cluster=ClusterSection(health=health),
        services={"shop": ServiceSection(target="a:b", bind=own)},
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("localhost:1", "127.0.0.1:1"),
        ("0.0.0.0:1", "127.0.0.1:1"),
        ("[::]:1", "127.0.0.1:1"),
        ("[::1]:1", ":1"),
    ],
)
def test_one_of_them_would_fail(one: str, other: str) -> None:
    [error] = shared(config(one, other))
    assert error.path == ("cluster", "health")
    assert [error.path for error in shared(config(one, "", other))] == [
        ("services", "shop", "bind")
    ]
    assert len(list(shared(config(one, other, other)))) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("127.0.0.1:1", "127.0.0.1:2"),
        ("127.0.0.1:1", "127.0.0.2:1"),
        ("0.0.0.0:1", "[::1]:1"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:1", "nonsense"),
    ],
)
def test_both_can_be_had(one: str, other: str) -> None:
    assert list(shared(config(one, other))) == []


def test_what_is_not_there_takes_no_address() -> None:
    assert list(shared(config("127.0.0.1:1", "127.0.0.1:1", enabled=False))) == []
