"""An error names the flag, the variable or the line that its value came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tercet.cli.config.loading import Loaded
from tercet.cli.config.sources import Setting
from tercet.errors import ConfigError
from tests.unit.cli.conftest import Tercet

SERVE = ("serve", "examples.greeter:register")


def refused(
    tmp_path: Path,
    text: str = "",
    environ: dict[str, str] | None = None,
    flags: dict[str, Setting] | None = None,
) -> str:
    (tmp_path / "mesh.toml").write_text(text)
    given = {tuple(path.split(".")): setting for path, setting in (flags or {}).items()}
    with pytest.raises(ConfigError) as caught:
        Loaded(tmp_path / "mesh.toml", environ=environ or {}, settings=given).mesh()
    return str(caught.value).removeprefix(f"{tmp_path}/")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n[gatewy]\n", "mesh.toml:2: the configuration has no 'gatewy'; did you mean 'gateway'?"),
        ("[gateway]\nqueue = -1\n", "mesh.toml:2: queue of gateway is -1"),
        ("[gateway]\nbind = 'nowhere'\n", "mesh.toml:2: 'nowhere' is no address"),
        ("[cluster]\ngrace = 0\n", "mesh.toml:2: grace of cluster is 0"),
        ("[cluster]\n\nhealth = 'x'\n", "mesh.toml:3: 'x' is no address"),
        (
            "[cluster]\nhooks = {stopping = 'b'}\n",
            "mesh.toml:2: the hook stopping is 'b'",
        ),
        ("[cluster.hooks]\nworker_left = 'a:b'\n", "mesh.toml:2: there is no event 'worker_left'"),
        ("engine = 'x'\n", "mesh.toml:1: there is no engine 'x'"),
        ("[services.a]\nworkers = 1\n", "mesh.toml:1: target of services.a is missing"),
        ("[services.a]\ntarget = 'x'\n", "mesh.toml:2: 'x' is no target"),
        (
            "[services.a]\ntarget = 'a:b'\nmax_age = -1\n",
            "mesh.toml:3: max_age of services.a is -1",
        ),
        ("[services.A]\ntarget = 'a:b'\n", "mesh.toml:1: 'A' is no name for a service"),
        ("[services.compute]\ntarget = 'a:b'\n", "mesh.toml:1: there are two services named"),
        ("[gateway]\nworkers = 65\n", "mesh.toml:2: there are 65 gateway processes"),
        ("[gateway.routes]\n'a.B' = 'x'\n", "mesh.toml:2: the route 'a.B' leads to 'x'"),
        (
            "[gateway]\nbind = '[::]:7'\n[services.a]\ntarget = 'a:b'\nbind = '127.0.0.1:7'\n",
            "mesh.toml:5: bind of services.a is 127.0.0.1:7, but gateway.bind is [::]:7",
        ),
        ("[executor]\nbind = '0.0.0.0:0'\n", "mesh.toml:2: [executor] would listen on 0.0.0.0:0"),
    ],
)
def test_a_line_is_named(tmp_path: Path, text: str, said: str) -> None:
    assert refused(tmp_path, text).startswith(said)


def test_a_variable_is_named_whatever_the_file_says(tmp_path: Path) -> None:
    said = refused(tmp_path, "[gateway]\nqueue = 1\n", {"TERCET_GATEWAY_QUEUE": "many"})
    assert said.startswith("TERCET_GATEWAY_QUEUE: queue is wrong: expected `int`")
    said = refused(tmp_path, environ={"TERCET_GATEWY_BIND": "x"})
    assert said.startswith("TERCET_GATEWY_BIND: there is no option for this")


def test_a_flag_has_the_last_word(tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        "[gateway]\nqueue = 1\n",
        {"TERCET_GATEWAY_QUEUE": "2"},
        {"gateway.queue": Setting("-3", "--set gateway.queue")},
    )
    assert said.startswith("--set gateway.queue: queue is -3")


def test_what_is_not_told_is_counted(tmp_path: Path) -> None:
    said = refused(tmp_path, "a = 1\nb = 1\nc = 1\n")
    assert said.startswith("mesh.toml:1: the configuration has no 'a'")
    assert said.endswith(f"2 more: `tercet check {tmp_path}/mesh.toml` shows all")


def test_our_own_variables_are_no_options() -> None:
    environ = dict.fromkeys(("TERCET_SPEC_FD", "TERCET_LINK_FD", "TERCET_TAKEOVER"), "3")
    environ |= {"TERCET_CONFIG": "/dev/null", "TERCET_SPEC_FILE": "/dev/null"}
    Loaded(None, environ=environ, settings={}).mesh()


def test_a_mesh_keeps_to_the_file_that_it_was_started_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "tercet.toml"
    started = {"TERCET_SPEC_FILE": str(file)}
    with pytest.raises(ConfigError, match=f"started from {file}, which is not there"):
        Loaded(None, environ=started, settings={})
    file.write_text("[cluster]\ngrace = 3.0\n")
    assert Loaded(None, environ=started, settings={}).mesh().grace == 3.0
    with pytest.raises(ConfigError, match=f"without a configuration file, and now there is {file}"):
        Loaded(None, environ={"TERCET_SPEC_FILE": ""}, settings={})
    file.unlink()
    assert Loaded(None, environ={"TERCET_SPEC_FILE": ""}, settings={}).mesh().grace == 10.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("up", "--gateway", "x"), "--gateway: 'x' is no address"),
        (("up", "--set", "gateway.nothing=1"), "--set gateway.nothing: [gateway] has no 'nothing'"),
        (("up", "--set", "engine.x=1"), "--set engine.x: "),
        (("up", "--log-format", "xml"), "--log-format: log_format is 'xml'"),
        ((*SERVE, "--bind", "x"), "--bind: 'x' is no address"),
        ((*SERVE, "--name", "X"), "--name: 'X' is no name for a service"),
        (("serve", "nonsense"), "MODULE:FUNCTION: 'nonsense' is no target"),
        ((*SERVE, "--engine", "x"), "--engine: there is no engine 'x'"),
        ((*SERVE, "--grace", "0"), "--grace: grace is 0"),
        ((*SERVE, "--max-age", "-1"), "--max-age: max_age is -1"),
        (("gateway", "--upstream", "a:1", "--dns-interval", "0"), "--dns-interval: dns_interval"),
    ],
)
def test_a_flag_is_named(tercet: Tercet, arguments: tuple[str, ...], said: str) -> None:
    ran = tercet(*arguments)
    assert ran.code == 78
    assert ran.err.startswith(f"tercet: {said}")


def test_the_variable_of_a_flag_is_named(tercet: Tercet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERCET_ENGINE", "x")
    ran = tercet(*SERVE)
    assert ran.err.startswith("tercet: TERCET_ENGINE: there is no engine 'x'")
