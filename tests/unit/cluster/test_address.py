"""Addresses to bind, as people write them."""

from __future__ import annotations

import pytest

from tercet.cluster.address import Bind


@pytest.mark.parametrize(
    ("text", "expected", "loopback"),
    [
        ("127.0.0.1:50050", "127.0.0.1:50050", True),
        ("localhost:0", "127.0.0.1:0", True),
        ("[::1]:1", "[::1]:1", True),
        ("[::]:50050", "[::]:50050", False),
        (":50050", "[::]:50050", False),
        ("0.0.0.0:50050", "0.0.0.0:50050", False),
    ],
)
def test_reads(text: str, expected: str, loopback: bool) -> None:
    bind = Bind.parse(text)
    assert str(bind) == expected
    assert bind.is_loopback is loopback


@pytest.mark.parametrize(
    "text",
    ["", "50050", "localhost", "127.0.0.1:", "127.0.0.1:-1", "1.2.3.4:65536", "a.b:1", "1.2.3.4:²"],
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        Bind.parse(text)
