from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.unit.cli.conftest import Tercet, on_terminal
from tests.unit.client.fakes import Fakes


def test_kernels_are_lines_of_tabs_without_a_terminal(tercet: Tercet, fakes: Fakes) -> None:
    ran = tercet("compute", "list")
    cells = "n:integer(0..50)=0, factor:real(-2.5..10)\tvalues:float64[:]\tvalues:float64[:]"
    assert ran == (0, f"echo\t{cells}\tGives back.\n", "")


def test_kernels_are_a_table_on_a_terminal(fakes: Fakes) -> None:
    code, shown = on_terminal("compute", "list")
    assert code == 0
    heading, first, *_ = shown.splitlines()
    assert heading.split() == ["KERNEL", "PARAMETERS", "INPUTS", "OUTPUTS", "HELP"]
    assert first.startswith("echo ")
    assert "threads: 2" in shown


def test_kernels_as_json(tercet: Tercet, fakes: Fakes) -> None:
    document = json.loads(tercet("compute", "list", "--json").out)
    assert document["threads"] == 2
    (kernel,) = document["kernels"]
    assert kernel["parameters"][1] == {
        "name": "factor",
        "help": "Factor.",
        "type": "real",
        "minimum": -2.5,
        "maximum": 10,
        "default": None,
    }


def test_parameters_fills_and_threads_are_sent(tercet: Tercet, fakes: Fakes) -> None:
    words = "compute run echo -p n=3 -p x=3.0 -p y=1e3 --fill v=seed:1,n:10 --fill w=n:5"
    assert tercet(*words.split(), "--threads", "2").code == 0
    (request,) = fakes.compute.requests
    assert request.parameters["n"].integer == 3
    assert request.parameters["x"].real == 3.0
    assert request.parameters["y"].real == 1000.0
    assert (request.inputs["v"].fill.seed, request.inputs["v"].fill.n) == (1, 10)
    assert (request.inputs["w"].fill.seed, request.inputs["w"].fill.n) == (0, 5)
    assert request.threads == 2


def test_a_parameter_needs_no_option(tercet: Tercet, fakes: Fakes) -> None:
    assert tercet("compute", "run", "echo", "n=3", "--param", "x=3.0").code == 0
    (request,) = fakes.compute.requests
    assert request.parameters["n"].integer == 3
    assert request.parameters["x"].real == 3.0


@pytest.mark.parametrize("words", ["n=3 n=4", "n=3 -p n=4", "-p n=4 --fill n=n:5"])
def test_a_name_is_given_once(tercet: Tercet, words: str) -> None:
    ran = tercet("compute", "run", "echo", *words.split())
    assert ran.code == 2
    assert "'n' is named twice" in ran.err


@pytest.mark.parametrize("words", [["\udcff"], ["echo", "n\udcff=3"]])
def test_a_word_that_is_not_utf8_is_refused(tercet: Tercet, words: list[str]) -> None:
    ran = tercet("compute", "run", *words)
    assert ran.code == 2
    assert "is not UTF-8" in ran.err


def test_too_large_an_input_is_the_servers_to_refuse(
    tercet: Tercet, fakes: Fakes, tmp_path: Path
) -> None:
    np.save(tmp_path / "large.npy", np.zeros(5 << 17))
    ran = tercet("compute", "run", "echo", "-i", "values=large.npy")
    assert ran.code == 1
    said, hint = ran.err.splitlines()
    assert "larger than max" in said
    assert hint == (
        "hint: let the server make the input with --fill,"
        " or raise max_message_bytes of the service and of the gateway"
    )


def test_small_outputs_show_their_values(tercet: Tercet, fakes: Fakes, tmp_path: Path) -> None:
    np.save(tmp_path / "small.npy", [0.5, np.inf])
    np.save(tmp_path / "large.npy", np.zeros((5, 4)))
    ran = tercet("compute", "run", "echo", "-i", "a=small.npy", "-i", "b=large.npy")
    assert ran == (0, "a\t0.5 inf\nb\tfloat64[5,4]\n", "")


def test_outputs_on_a_terminal_come_with_their_time(fakes: Fakes) -> None:
    code, shown = on_terminal("compute", "run", "two")
    assert code == 0
    assert shown.splitlines()[0].split() == ["OUTPUT", "VALUE"]
    code, shown = on_terminal("compute", "run", "echo")
    assert "running 2.5 s, queued 1 ms, threads 2, tiles 64" in shown


def test_outputs_as_json(tercet: Tercet, fakes: Fakes, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", [[1.0, np.nan]])
    np.save(tmp_path / "b.npy", np.zeros(1001))
    words = "compute run echo -i a=a.npy -i b=b.npy --save b=out.npy --json"
    document = json.loads(tercet(*words.split()).out)
    assert document["outputs"]["a"] == {
        "dtype": "float64",
        "shape": [1, 2],
        "values": [[1.0, "nan"]],
        "saved": None,
    }
    assert document["outputs"]["b"]["values"] is None
    assert document["outputs"]["b"]["saved"] == "out.npy"
    assert document["timing"] == {"queued": 0.001, "running": 2.5, "threads": 2, "tiles": 64}


def test_an_output_is_saved(tercet: Tercet, fakes: Fakes, tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.arange(6).reshape(2, 3))
    # Under the very name, without an ending added.
    words = "compute run echo --input x=in.npy --save x=out"
    assert tercet(*words.split()).code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out"), np.arange(6).reshape(2, 3))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("-p n", 2, "'n' is not NAME=NUMBER"),
        ("-p n=many", 2, "'many' is not a number"),
        ("--fill v=1000", 2, "'1000' is not seed:S,n:N"),
        ("--fill v=seed:x,n:1", 2, "is not seed:S,n:N"),
        ("--fill v=n:1,m:2", 2, "is not seed:S,n:N"),
        ("--threads -1", 2, "--threads"),
        ("-i x=absent.npy", 66, "cannot read absent.npy: No such file or directory"),
        ("-i x=text.npy", 66, "text.npy is not a .npy file of numbers"),
        ("-i x=objects.npy", 66, "objects.npy is not a .npy file of numbers"),
        ("-i x=ok.npy --save y=out.npy", 1, "there is no output 'y' to save"),
        ("-i x=ok.npy --save x=no/out.npy", 73, "cannot write no/out.npy: No such file"),
    ],
)
def test_what_is_wrong_is_said(
    tercet: Tercet, fakes: Fakes, tmp_path: Path, words: str, code: int, message: str
) -> None:
    (tmp_path / "text.npy").write_text("text")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    np.save(tmp_path / "ok.npy", [1.0])
    ran = tercet("compute", "run", "echo", *words.split())
    assert ran.code == code
    assert message in ran.err
    assert ran.err.startswith("tercet: ")


def test_an_image_goes_through_its_operations(tercet: Tercet, fakes: Fakes, tmp_path: Path) -> None:
    (tmp_path / "in.jpg").write_bytes(b"abc")
    words = "compute image in.jpg out.png --gain 1.2,1.1,0.9 --blur 2"
    ran = tercet(*words.split())
    assert ran == (0, "out.png\tpng\t4\t3\t3\n", "")
    assert (tmp_path / "out.png").read_bytes() == b"cba"
    (request,) = fakes.compute.requests
    assert [step.WhichOneof("operation") for step in request.operations] == ["gain", "blur"]
    assert request.operations[0].gain.blue == 0.9
    document = json.loads(tercet("compute", "image", "in.jpg", "out.JPG", "--json").out)
    assert (document["format"], document["bytes"], document["timings"]) == ("jpeg", 3, [])


def test_an_image_to_standard_output_is_alone_there(
    tercet: Tercet, fakes: Fakes, tmp_path: Path
) -> None:
    (tmp_path / "in.jpg").write_bytes(b"abc")
    assert tercet("compute", "image", "in.jpg", "-") == (0, "cba", "")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("in.jpg out.gif", 2, "'out.gif' does not end in .jpg, .jpeg, .png"),
        ("in.jpg out.png --gain 1,2", 2, "'1,2' is not three numbers"),
        ("absent.jpg out.png", 66, "cannot read absent.jpg"),
        ("in.jpg no/out.png", 73, "cannot write no/out.png"),
    ],
)
def test_what_is_wrong_with_an_image_is_said(
    tercet: Tercet, fakes: Fakes, tmp_path: Path, words: str, code: int, message: str
) -> None:
    (tmp_path / "in.jpg").write_bytes(b"abc")
    ran = tercet("compute", "image", *words.split())
    assert ran.code == code
    assert message in ran.err
