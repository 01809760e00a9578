from __future__ import annotations

from pathlib import Path

import pytest

from tercet.errors import InvalidArgument
from tercet.executor import catalogue
from tercet.executor.arguments import values_of
from tercet.executor.program import Program

AT = "stages[0].arguments"


@pytest.fixture
def program(children: Path) -> Program:
    return catalogue.load(str(children))["print_arguments"]


def test_defaults_fill_what_is_not_given(program: Program) -> None:
    expected = {"text": "-", "count": "3", "ratio": "0.5", "side": "left"}
    assert values_of(program, {}, AT) == expected


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", "", ""),
        ("text", "é\n'\"$(x)", "é\n'\"$(x)"),
        ("text", "-rf", "-rf"),  # Behind `--`.
        ("word", "abc", "abc"),
        ("count", "+7", "7"),
        ("count", "0009", "9"),
        ("ratio", "1", "1.0"),
        ("ratio", ".25", "0.25"),
        ("ratio", "1e-3", "0.001"),
        ("side", "right", "right"),
    ],
)
def test_text_becomes_a_value(program: Program, name: str, text: str, value: str) -> None:
    assert values_of(program, {name: text}, AT)[name] == value


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("text", "a\0b", "NUL_IN_ARGUMENT"),
        ("text", "x" * 70_000, "ARGUMENT_OUT_OF_RANGE"),
        ("word", "Abc", "ARGUMENT_OUT_OF_RANGE"),
        ("word", "abc\n", "ARGUMENT_OUT_OF_RANGE"),
        ("count", "", "ARGUMENT_OUT_OF_RANGE"),
        ("count", "0", "ARGUMENT_OUT_OF_RANGE"),
        ("count", "10", "ARGUMENT_OUT_OF_RANGE"),
        ("count", "3.0", "ARGUMENT_OUT_OF_RANGE"),
        ("count", " 3", "ARGUMENT_OUT_OF_RANGE"),
        ("count", "3\0", "NUL_IN_ARGUMENT"),
        ("count", "1_0", "ARGUMENT_OUT_OF_RANGE"),
        ("count", "٣", "ARGUMENT_OUT_OF_RANGE"),
        ("count", "9" * 5000, "ARGUMENT_OUT_OF_RANGE"),
        ("ratio", "nan", "ARGUMENT_OUT_OF_RANGE"),
        ("ratio", "inf", "ARGUMENT_OUT_OF_RANGE"),
        ("ratio", "1e999", "ARGUMENT_OUT_OF_RANGE"),
        ("ratio", "-0.1", "ARGUMENT_OUT_OF_RANGE"),
        ("ratio", "1.01", "ARGUMENT_OUT_OF_RANGE"),
        ("ratio", "0x1", "ARGUMENT_OUT_OF_RANGE"),
        ("side", "Left", "ARGUMENT_OUT_OF_RANGE"),
        ("colour", "red", "UNKNOWN_ARGUMENT"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(
    program: Program, name: str, text: str, reason: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        values_of(program, {name: text}, AT)
    assert refused.value.field == f"{AT}.{name}"
    assert refused.value.reason == reason
    assert refused.value.hint


def test_a_missing_argument_is_named(children: Path) -> None:
    program = catalogue.load(str(children))["exit_with"]
    with pytest.raises(InvalidArgument, match="code") as refused:
        values_of(program, {}, AT)
    assert refused.value.reason == "MISSING_ARGUMENT"


def test_text_that_would_be_an_option_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        """
        [programs.x]
        path = "x"
        help = "h"
        argv = ["{bare}", "--name={prefixed}"]
        [programs.x.arguments]
        bare = { type = "string", help = "h" }
        prefixed = { type = "string", help = "h" }
        """
    )
    program = catalogue.load(str(path))["x"]
    assert values_of(program, {"bare": "a", "prefixed": "-b"}, AT)["prefixed"] == "-b"
    with pytest.raises(InvalidArgument) as refused:
        values_of(program, {"bare": "-a", "prefixed": "b"}, AT)
    assert refused.value.reason == "LOOKS_LIKE_OPTION"
