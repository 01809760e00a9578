"""Which line says what."""

from __future__ import annotations

import tomllib

import pytest

from tercet.cli.config.lines import lines

TEXT = """\
# a comment
engine = "native"

[gateway]
bind = "127.0.0.1:1"   # a = b
routes = { "a.B" = "one", "*" = "two" }
server_options.x = 1
text = \"\"\"
[cluster]
grace = 1
\"\"\"
many = [
    1,
    2,
]
queue = 3

[[gateway.upstreams]]
name = "one"

[[gateway.upstreams]]
name = "two"

[services."a.b"]
target = "a:b"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("engine",), 2),
        (("gateway",), 4),
        (("gateway", "bind"), 5),
        (("gateway", "routes", "*"), 6),
        (("gateway", "server_options", "x"), 7),
        (("gateway", "text"), 8),
        (("gateway", "many"), 12),
        (("gateway", "many", 1), 12),
        (("gateway", "queue"), 16),
        (("gateway", "upstreams", 0, "name"), 19),
        (("gateway", "upstreams", 1), 21),
        (("gateway", "upstreams", 1, "name"), 22),
        (("services", "a.b", "target"), 25),
    ],
)
def test_a_key_is_found(path: tuple[str | int, ...], line: int) -> None:
    assert lines(TEXT)[path] == line


def test_what_only_looks_like_a_key_is_not_found() -> None:
    assert ("cluster",) not in lines(TEXT)


def test_what_is_not_toml_is_told() -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        lines("[gateway\n")
