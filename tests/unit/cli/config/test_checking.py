"""All that is wrong, and with which option."""

from __future__ import annotations

from typing import Any

import pytest

from tercet.cli.config.checking import check
from tercet.cli.config.sections import Config

Found = list[tuple[tuple[str | int, ...], str]]


def found(values: Any) -> Found:
    return [(error.path, error.message) for error in check(values, Config)]


def test_what_is_right_is_right() -> None:
    assert found({}) == []
    # A variable is text, whatever the type of its option.
    assert found({"gateway": {"workers": "2", "enabled": "false"}}) == []


def test_everything_wrong_is_found_at_once() -> None:
    errors = found(
        {
            "gatewy": {},
            "cluster": {"grace": "long", "graze": 1},
            "gateway": {"upstreams": [{"name": "a", "target": "b:1"}, {"nam": "c"}]},
            "compute": 3,
            "services": {"one": {"workers": -1}, "two": {"target": "a:b", "options": []}},
        }
    )
    assert [path for path, _ in errors] == [
        ("gatewy",),
        ("cluster", "grace"),
        ("cluster", "graze"),
        ("gateway", "upstreams", 1, "nam"),
        ("gateway", "upstreams", 1),
        ("gateway", "upstreams", 1),
        ("compute",),
        ("services", "one", "workers"),
        ("services", "one"),
        ("services", "two", "options"),
    ]


@pytest.mark.parametrize(
    ("values", "path", "message"),
    [
        ({"gateway": {"queue": -1}}, ("gateway", "queue"), "queue is -1, but must be"),
        ({"gateway": {"policy": "x"}}, ("gateway", "policy"), "there is no policy 'x'"),
        ({"gateway": {"metrics": "x"}}, ("gateway", "metrics"), "'x' is no address"),
        ({"executor": {"max_programs": 0}}, ("executor", "max_programs"), "max_programs is 0"),
        ({"compute": {"threads": "x"}}, ("compute", "threads"), "threads is wrong: expected `int`"),
        (
            {"gateway": {"upstreams": [{"name": "a", "target": "nonsense"}]}},
            ("gateway", "upstreams", 0, "target"),
            "'nonsense' is no target",
        ),
        (
            {"gateway": {"upstream_tls": {"cert": "a"}}},
            ("gateway", "upstream_tls", "cert"),
            "cert and key",
        ),
    ],
)
def test_a_refusal_is_about_the_option_at_fault(
    values: dict[str, Any], path: tuple[str | int, ...], message: str
) -> None:
    [(where, said)] = found(values)
    assert where == path
    assert said.startswith(message)
    assert "$" not in said


def test_a_misspelt_option_has_a_hint() -> None:
    [error] = check({"cluster": {"graze": 1}}, Config)
    assert error.message == "[cluster] has no 'graze'"
    assert error.hint == "did you mean 'grace'?"
