"""That looking at a configuration ends, whatever is wrong with it, and blames nobody falsely."""

from __future__ import annotations

from typing import Any

import pytest

from tercet.cli.config.examining import examine


@pytest.mark.parametrize(
    "values",
    [
        {"services": 3},
        {"gateway": []},
        {"services": {"a": 3}},
        {"gateway": {"upstreams": {"a": 1}}},
        {"gateway": {"upstreams": [3, {"name": "x"}], "routes": {"*": "x"}}},
        {"gateway": {"upstream_tls": {"cert": "a", "ca": 3}}},
        {"engine": "x", "services": {"compute": {"target": "a:b"}}},
        {"services": {"B": {"target": "a:b", "max_age": -1}}, "cluster": {"grace": 0}},
    ],
)
def test_a_mesh_is_left_of_what_is_sound(values: dict[str, Any]) -> None:
    found = examine(values)
    assert found.errors
    assert found.mesh is not None


@pytest.mark.parametrize(
    ("values", "paths"),
    [
        # A route leads to a service whose target, or to an upstream whose address is wrong.
        (
            {"gateway": {"routes": {"*": "a"}}, "services": {"a": {}}},
            {("services", "a")},
        ),
        (
            {"gateway": {"routes": {"*": "u"}, "upstreams": [{"name": "u", "target": "bad"}]}},
            {("gateway", "upstreams", 0, "target")},
        ),
        # The default of a port that is wrong is another's.
        (
            {
                "gateway": {"bind": "bad"},
                "services": {"a": {"target": "a:b", "bind": "127.0.0.1:50050"}},
            },
            {("gateway", "bind")},
        ),
    ],
)
def test_what_follows_from_an_error_is_none(values: dict[str, Any], paths: set[Any]) -> None:
    assert {error.path for error in examine(values).errors} == paths


def test_what_is_sound_is_told_from_what_is_not() -> None:
    found = examine({"services": {"a": {"target": "a:b", "workers": "x"}, "b": {"target": "b"}}})
    assert found.is_sound(("services", "a", "target"))
    assert not found.is_sound(("services", "a", "workers"))
    assert not found.is_sound(("services", "b", "target"))
    assert not found.is_sound(("services", "a"))
