from __future__ import annotations

import pytest

from tercet.cli.wording import hint, located, place


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("parameters.n", "n"),
        ("inputs.values", "values"),
        ("inputs.values.fill.n", "values"),
        ("start.stage.arguments.style", "style"),
        ("start.stage.program", ""),
        ("stages[0].arguments.style", "style of program 1"),
        ("stages[1].program", "program 2"),
        ("stages[1]", "program 2"),
        ("start.timeout", "--timeout"),
        ("timeout", "--timeout"),
        ("threads", "--threads"),
        ("kernel", ""),
        ("operations[0].blur.sigma", "operations[0].blur.sigma"),
        ("", ""),
    ],
)
def test_a_field_is_named_as_it_was_typed(field: str, typed: str) -> None:
    assert place(field) == typed


def test_a_place_is_said_once() -> None:
    assert located("n is 51, not 0 to 50", "parameters.n") == "n is 51, not 0 to 50"
    assert located("not a number", "parameters.n") == "not a number (n)"
    assert located("stopping", "") == "stopping"


def test_a_hint_in_words_of_the_wire_is_translated() -> None:
    assert hint("send Value.integer") == "write it without a decimal point or exponent"
    assert hint("give 0 to 50") == "give 0 to 50"
