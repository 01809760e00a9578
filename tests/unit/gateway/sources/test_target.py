"""What a target may look like, and what is said of one that does not."""

from __future__ import annotations

import pytest

from tercet.errors import ConfigError
from tercet.gateway.sources.source import Address
from tercet.gateway.sources.target import Addresses, Name, parse


def addresses(*targets: str | Address) -> Addresses:
    return Addresses(
        tuple(each if isinstance(each, Address) else Address(each) for each in targets)
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("static:///127.0.0.1:1", addresses("ipv4:127.0.0.1:1")),
        (
            "static:///127.0.0.1:1,[::1]:2,unix:/run/s,localhost:3",
            addresses("ipv4:127.0.0.1:1", "ipv6:[::1]:2", "unix:/run/s", "ipv4:127.0.0.1:3"),
        ),
        (
            "static:///127.0.0.1:1@3,[::1]:2@0.5",
            addresses(Address("ipv4:127.0.0.1:1", 3.0), Address("ipv6:[::1]:2", 0.5)),
        ),
        ("ipv4:10.0.0.1:1,10.0.0.2:1", addresses("ipv4:10.0.0.1:1", "ipv4:10.0.0.2:1")),
        # One address in two spellings.
        ("ipv6:[0:0::1]:1", addresses("ipv6:[::1]:1")),
        ("ipv6:[fe80::1%eth0]:1", addresses("ipv6:[fe80::1%eth0]:1")),
        ("unix:/a", addresses("unix:/a")),
        ("unix:///a", addresses("unix:/a")),
        ("unix:/a,/b@2,unix:/c", addresses("unix:/a", Address("unix:/b", 2.0), "unix:/c")),
        # Only the last @ is a weight's.
        ("unix:/a@1@2", addresses(Address("unix:/a@1", 2.0))),
        ("dns:///shop.example:50051", Name("shop.example", 50051)),
        ("dns:shop_db.default.svc.cluster.local.:1", Name("shop_db.default.svc.cluster.local.", 1)),
        ("shop:50051", Name("shop", 50051)),
        ("static:50051", Name("static", 50051)),
        # Nothing to resolve.
        ("dns:///10.0.0.1:1", addresses("ipv4:10.0.0.1:1")),
        ("[::1]:1", addresses("ipv6:[::1]:1")),
    ],
)
def test_what_is_meant(text: str, meant: object) -> None:
    assert parse(text) == meant


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not HOST:PORT"),
        ("shop", "not HOST:PORT"),
        (":1", "not HOST:PORT"),
        ("shop:", "no port"),
        ("shop:0", "no port"),
        ("shop:65536", "no port"),
        ("shop:\N{SUPERSCRIPT TWO}", "no port"),
        ("sh op:1", "no name of a host"),
        ("-" * 64 + ":1", "no name of a host"),
        ("a:1,b:1", "neither HOST:PORT nor"),
        ("http://shop:1", "'http' is no kind of target"),
        ("kubernetes:///shop:1", "'kubernetes' is no kind of target"),
        ("dns://8.8.8.8/shop:1", "three slashes"),
        ("static://127.0.0.1:1", "three slashes"),
        ("static:///shop:1", "write dns:///"),
        ("static:///", "not HOST:PORT"),
        ("static:///127.0.0.1:1,", "not HOST:PORT"),
        ("static:///::1:1", "neither HOST:PORT nor"),
        ("static:///[127.0.0.1]:1", "neither HOST:PORT nor"),
        ("static:///127.0.0.1:1,127.0.0.1:1", "twice"),
        ("ipv4:[::1]:1", "no IPv4 address"),
        ("ipv6:127.0.0.1:1", "no IPv6 address"),
        ("ipv4:127.0.0.1", "not HOST:PORT"),
        ("static:///127.0.0.1:1@", "no number"),
        ("static:///127.0.0.1:1@heavy", "no number"),
        ("static:///127.0.0.1:1@0", "above 0"),
        ("static:///127.0.0.1:1@nan", "above 0"),
        ("static:///127.0.0.1:1@1001", "at most 1000"),
        ("unix:a", "not absolute"),
        ("unix:", "not absolute"),
        (f"unix:/{'a' * 107}", "at most 107 bytes"),
    ],
)
def test_what_is_said_of_others(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert complaint in caught.value.message
    assert repr(text) in caught.value.message
    assert "static:///" in caught.value.hint
