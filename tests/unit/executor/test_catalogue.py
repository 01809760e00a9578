from __future__ import annotations

from pathlib import Path

import pytest

from tercet.errors import ConfigError
from tercet.executor import catalogue

HEAD = """
[programs.head]
path = "head"
help = "first lines"
argv = ["-n", "{lines}", ["{file}"]]
[programs.head.arguments]
lines = { type = "integer", help = "lines", default = 10, minimum = 0 }
file = { type = "input_file", help = "file", optional = true }
"""


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


def test_the_built_in_programs_are_found_on_a_common_machine() -> None:
    programs = catalogue.load()
    assert list(programs) == sorted(programs)
    wanted = {"ffmpeg", "ffprobe", "ps", "head", "sort", "wc", "cat", "sha256sum", "echo", "sleep"}
    assert wanted <= programs.keys()
    assert all(program.help for program in programs.values())
    assert programs["head"].available


def test_a_users_catalogue_adds_and_replaces(tmp_path: Path) -> None:
    programs = catalogue.load(write(tmp_path, HEAD))
    assert programs["head"].help == "first lines"
    assert "ps" in programs


def test_a_users_catalogue_may_stand_alone(tmp_path: Path) -> None:
    assert list(catalogue.load(write(tmp_path, "built_in = false\n" + HEAD))) == ["head"]


def test_a_program_that_is_not_installed_is_listed_as_unavailable(tmp_path: Path) -> None:
    programs = catalogue.load(write(tmp_path, '[programs.x]\npath="/no/such"\nhelp="h"'))
    assert not programs["x"].available


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('path = "head"', "", "program 'head': .*`path`"),
        ('path = "head"', 'path = "bin/head"', "program 'head': `path` must be absolute"),
        ('path = "head"', 'path = "head"\nshell = true', "program 'head': .*`shell`"),
        ('path = "head"', 'path = "head"\ntimeout = 0', "program 'head': `timeout`"),
        ('path = "head"', 'path = "head"\ntimeout = inf', "program 'head': `timeout`"),
        ('path = "head"', 'path = "head"\nprogress = "curl"', "program 'head': .*`progress`"),
        ('path = "head"', 'path = "head"\nprogress = "ffmpeg"', "does not use 'progress_fd'"),
        ('"{lines}"', '"{line}"', "`argv` names 'line'"),
        ('"{lines}"', '"{progress_fd}"', "`argv` names 'progress_fd'"),
        ('"{lines}"', '"10"', "`argv` does not use 'lines'"),
        ('["{file}"]', '"{file}"', "needs 'file', which may be missing"),
        ('["{file}"]', '["{file}"], ["{lines}"]', "nothing can be missing"),
        ('"{lines}"', '"{lines"', "element '{lines' is malformed"),
        ('"{lines}"', "10", r"program 'head': .*argv"),
        ("default = 10", 'default = "10"', "argument 'lines': .*`default`"),
        ("default = 10", "default = -1", "argument 'lines': `default` is out of range"),
        ("minimum = 0", "minimum = 5, maximum = 4", "argument 'lines': `minimum` is above"),
        ("minimum = 0", "pattern = 'x'", "argument 'lines': .*`pattern`"),
        ('type = "integer"', 'type = "int"', "argument 'lines': .*'int'"),
        ('help = "lines", ', "", "argument 'lines': .*`help`"),
        ("lines = {", "'a b' = {", "argument 'a b': the name must be an identifier"),
        ('"input_file"', '"string", pattern = "("', "argument 'file': `pattern` is no regular"),
        ('"input_file"', '"choice"', "argument 'file': .*`choices`"),
        ('"input_file"', '"choice", choices = []', "argument 'file': `choices` is empty"),
    ],
)
def test_a_mistake_is_told_with_file_program_and_field(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in HEAD
    with pytest.raises(ConfigError, match=said) as refused:
        catalogue.load(write(tmp_path, HEAD.replace(old, new, 1)))
    assert "mine.toml" in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("programs = 3", "`programs`"),
        ("program = {}", "program"),
        ("[programs", "is no TOML"),
        ("x = '\udce9'", "is no TOML"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=said):
        catalogue.load(str(path))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        catalogue.load(str(tmp_path / "missing.toml"))
