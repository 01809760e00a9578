"""`tercet check`: everything wrong, with its line, and nothing started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Tercet

WRONG = """\
[cluster]
grace = "long"
graze = 1

[gateway]
policy = "random"

[services.one]
workers = 1
"""
RIGHT = """\
[cluster]
health = "127.0.0.1:50059"
[gateway]
workers = 2
[compute]
enabled = false
[executor]
enabled = false
[services.shop]
target = "shop:register"
workers = 3
options = { size = 1 }
"""


def test_all_errors_have_their_lines(tercet: Tercet, tmp_path: Path) -> None:
    (tmp_path / "tercet.toml").write_text(WRONG)
    ran = tercet("check")
    assert (ran.code, ran.out) == (78, "")
    complaints = [line for line in ran.err.splitlines() if line.startswith("tercet: ")]
    assert [line.split(": ")[1] for line in complaints] == [
        "tercet.toml:2",
        "tercet.toml:3",
        "tercet.toml:6",
        "tercet.toml:8",
    ]
    assert "hint: did you mean 'grace'?" in ran.err


def test_errors_as_json(tercet: Tercet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mesh.toml").write_text("[compute]\nthreads = 2000\n")
    monkeypatch.setenv("TERCET_NOTHING", "1")
    ran = tercet("check", "mesh.toml", "--json")
    assert (ran.code, ran.err) == (78, "")
    errors = json.loads(ran.out)["errors"]
    assert [(error["place"], error["option"]) for error in errors] == [
        ("TERCET_NOTHING", "TERCET_NOTHING"),
        ("mesh.toml:2", "compute.threads"),
    ]


def test_what_each_part_is_right_and_the_whole_wrong(tercet: Tercet, tmp_path: Path) -> None:
    (tmp_path / "tercet.toml").write_text(
        "[executor]\nbind = '[::]:0'\n[services.a]\ntarget = 'a'\n[services.b]\ntarget = 'b'\n"
    )
    ran = tercet("check")
    assert ran.code == 78
    places = [line.split(": ")[1] for line in ran.err.splitlines() if line.startswith("tercet")]
    assert places == ["tercet.toml:2", "tercet.toml:4", "tercet.toml:6"]


MANY = """\
[cluster]
grace = 0
crash_limit = -1
log = "nowhere/log"
health = "0.0.0.0:7000"
[cluster.hooks]
worker_left = "hooks:told"
stopping = "told"
[gateway]
queue = "long"
[gateway.routes]
"a.B" = "nobody"
"c.D" = "two"
[compute]
enabled = false
[executor]
enabled = false
[services.one]
target = "one:nothing"
[services.two]
workers = "many"
bind = "127.0.0.1:7000"
[services.three]
target = "three"
max_age = -1
graze = 1
"""


def test_no_error_hides_another(tercet: Tercet, tmp_path: Path) -> None:
    (tmp_path / "tercet.toml").write_text(MANY)
    (tmp_path / "one.py").write_text("")
    ran = tercet("check", "--import")
    said = [
        line.removeprefix("tercet: tercet.toml:")
        for line in ran.err.splitlines()
        if line.startswith("tercet: ")
    ]
    assert (ran.code, ran.out) == (78, "")
    assert said == [
        "2: grace of cluster is 0.0: must be more than 0 and at most 86400 s",
        "3: crash_limit of cluster is -1: must be 0 or more",
        f"4: log of cluster is nowhere/log: there is no directory {tmp_path}/nowhere",
        "7: there is no event 'worker_left' (cluster.hooks.worker_left)",
        "8: the hook stopping is 'told': write it as module:function (cluster.hooks.stopping)",
        "10: queue of gateway is wrong: expected `int`, got `str`",
        "12: the route 'a.B' leads to 'nobody', and there is no such upstream (gateway.routes.a.B)",
        "19: module 'one' has no function 'nothing' (services.one.target)",
        "20: target of services.two is missing",
        "21: workers of services.two is wrong: expected `int`, got `str`",
        "22: bind of services.two is 127.0.0.1:7000, but cluster.health is 0.0.0.0:7000",
        "24: 'three' is no target: write it as package.module:function (services.three.target)",
        "25: max_age of services.three is -1.0: must be 0 or more",
        "26: [services.three] has no 'graze'",
    ]


@pytest.mark.parametrize(
    ("log", "said"), [("", ""), ("a.log", ""), (".", "that is a directory"), ("no/a", "no direc")]
)
def test_files_are_looked_for_and_not_made(
    tercet: Tercet, tmp_path: Path, log: str, said: str
) -> None:
    (tmp_path / "tercet.toml").write_text(f"[cluster]\npid_file = '{log}'\n")
    ran = tercet("check")
    assert (ran.code, said in ran.err) == (78 if said else 0, True)
    assert [path.name for path in tmp_path.iterdir()] == ["tercet.toml"]


def test_a_file_that_is_not_there(tercet: Tercet) -> None:
    ran = tercet("check", "nofile.toml")
    assert (ran.code, ran.err) == (
        78,
        "tercet: cannot read nofile.toml: No such file or directory\nhint: name another file\n",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[cluster]\n[gateway\n", "tercet.toml:2: this is not TOML"),
        ("a = 1\nb = [\n", "tercet.toml:2: this is not TOML"),
    ],
)
def test_a_file_that_is_no_toml(tercet: Tercet, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "tercet.toml").write_text(text)
    ran = tercet("check")
    assert ran.code == 78
    assert ran.err.startswith(f"tercet: {said}")


def test_a_right_one_is_summed_up(tercet: Tercet, tmp_path: Path) -> None:
    (tmp_path / "tercet.toml").write_text(RIGHT)
    ran = tercet("check")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "gateway\t2\t127.0.0.1:50050\ttercet.gateway.service:register",
        "shop\t3\t-\tshop:register",
        "health\t-\t127.0.0.1:50059\t-",
    ]
    assert json.loads(tercet("check", "--json").out) == {
        "errors": [],
        "services": [
            {
                "service": "gateway",
                "workers": 2,
                "bind": "127.0.0.1:50050",
                "target": "tercet.gateway.service:register",
            },
            {"service": "shop", "workers": 3, "bind": "", "target": "shop:register"},
        ],
        "health": "127.0.0.1:50059",
        "metrics": "",
    }


@pytest.mark.parametrize(
    ("module", "said", "hint"),
    [
        (None, "there is no module 'shop'", "install the module"),
        ("def other(): ...", "module 'shop' has no function 'register'", "package.module"),
        ("print('hello')\nimport nothing_such", "No module named 'nothing_such'", "shop.py:2"),
        ("def register(", "SyntaxError", "shop.py:1"),
        ("def register(server): ...", "does not take these options", ""),
        ("import os\nos._exit(7)", "ends the process: exit code 7", ""),
    ],
)
def test_a_module_that_cannot_be_used(
    tercet: Tercet, tmp_path: Path, module: str | None, said: str, hint: str
) -> None:
    (tmp_path / "tercet.toml").write_text(RIGHT)
    if module is not None:
        (tmp_path / "shop.py").write_text(module)
    assert tercet("check").code == 0
    ran = tercet("check", "--import")
    assert (ran.code, ran.out) == (78, "")
    assert ran.err.startswith("tercet: tercet.toml:10: ")
    first, *hints = ran.err.splitlines()
    assert said in first
    assert not hint or hint in hints[0]


def test_a_module_that_can(tercet: Tercet, tmp_path: Path) -> None:
    (tmp_path / "tercet.toml").write_text(RIGHT)
    (tmp_path / "shop.py").write_text(
        "print('hello')\ndef register(server, worker, *, size): ...\n"
    )
    ran = tercet("check", "--import")
    assert (ran.code, ran.err) == (0, "")
    assert "hello" not in ran.out


def test_hooks_are_imported_too(tercet: Tercet, tmp_path: Path) -> None:
    (tmp_path / "tercet.toml").write_text(
        "[cluster.hooks]\nworker_exited = 'hooks:told'\nreload_failed = 'hooks:nothing'\n"
    )
    (tmp_path / "hooks.py").write_text("def told(event): ...\n")
    ran = tercet("check", "--import")
    assert ran.code == 78
    first, _ = ran.err.splitlines()
    said = "module 'hooks' has no function 'nothing' (cluster.hooks.reload_failed)"
    assert first == f"tercet: tercet.toml:3: {said}"
