"""Which line says what."""

from __future__ import annotations

import tomllib

import pytest

from tercet.cli.config.lines import line

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
    ("path", "expected"),
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
def test_a_key_is_found(path: tuple[str | int, ...], expected: int) -> None:
    assert line(TEXT, path) == expected


def test_what_only_looks_like_a_key_is_not_found() -> None:
    assert line(TEXT, ("cluster",)) is None
    assert line(TEXT, ("gateway", "many", 2)) is None
    assert line(TEXT, ("engine", "x")) is None


def test_a_file_of_one_line() -> None:
    assert line("a = 1", ("a",)) == 1


def test_a_long_file_takes_few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    loads = tomllib.loads
    monkeypatch.setattr(tomllib, "loads", lambda text: looks.append(text) or loads(text))
    text = "\n".join(f"key{number} = {number}" for number in range(10_000))
    assert line(text, ("key7654",)) == 7655
    assert len(looks) < 20


def test_what_is_not_toml_is_told() -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        line("[gateway\n", ("gateway",))
