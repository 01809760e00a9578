from __future__ import annotations

import json
import math

import pytest

from tercet.cli.output import bytes_as_json, print_json, print_table, seconds


def test_a_cell_cannot_break_a_line_or_add_one(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "B"), [("a\tb", "c\nd"), ("", "e")], caption="unseen")
    assert capsys.readouterr().out == "a b\tc d\n\te\n"


def test_json_is_valid_whatever_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [math.inf, -math.inf, math.nan, 1.5], "b": ("ü", None)})
    out = capsys.readouterr().out

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    assert json.loads(out, parse_constant=refuse) == {
        "a": ["inf", "-inf", "nan", 1.5],
        "b": ["ü", None],
    }
    assert out.count("\n") == 1


def test_bytes_are_text_where_they_are() -> None:
    assert bytes_as_json("stdout", "ü\n".encode()) == {"stdout": "ü\n"}
    assert bytes_as_json("stdout", b"\xff") == {"stdout_base64": "/w=="}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 µs"),
        (2.3e-5, "23 µs"),
        (0.001, "1 ms"),
        (0.0123456, "12.3 ms"),
        (2.5, "2.5 s"),
        (3600, "3600 s"),
    ],
)
def test_durations_have_a_unit_and_three_digits(value: float, shown: str) -> None:
    assert seconds(value) == shown
