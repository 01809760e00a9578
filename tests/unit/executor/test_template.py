from __future__ import annotations

import pytest

from tercet.executor.template import parse


def test_a_string_becomes_exactly_one_element_whatever_the_value_holds() -> None:
    value = "a b; $(rm) 'x' *\n{other}"
    assert parse(["-i", "file:{input}"]).render({"input": value}) == ["-i", f"file:{value}"]


def test_a_group_is_left_out_when_one_of_its_values_is_missing() -> None:
    template = parse(["first", ["-r", "{rate}/{unit}"], "last"])
    assert template.render({"rate": "3"}) == ["first", "last"]
    assert template.render({"rate": "3", "unit": "s"}) == ["first", "-r", "3/s", "last"]


def test_doubled_braces_are_braces_and_an_empty_element_stays() -> None:
    assert parse(["{{x}}", ""]).render({}) == ["{x}", ""]


@pytest.mark.parametrize("element", ["{", "}", "{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}"])
def test_only_a_name_may_stand_between_braces(element: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        parse([element])


def test_names_are_told_apart_by_whether_they_must_have_a_value() -> None:
    template = parse(["{always}", ["{sometimes}"]])
    assert template.names == {"always", "sometimes"}
    assert template.required == {"always"}


@pytest.mark.parametrize(
    ("argv", "exposed"),
    [
        (["{a}"], {"a"}),
        (["x{a}"], set()),
        (["--", "{a}"], set()),
        (["{a}", "--", "{b}"], {"a"}),
        ([["-x", "{a}"]], {"a"}),
        # A group may be left out, and its `--` with it.
        ([["--", "{a}"], "{b}"], {"a", "b"}),
    ],
)
def test_a_value_is_exposed_where_it_begins_an_element_before_a_double_dash(
    argv: list[str | list[str]], exposed: set[str]
) -> None:
    assert parse(argv).exposed == exposed
