"""How a mesh is handed to its supervisor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tercet.cluster.spec import MeshSpec, OriginSpec
from tests.unit.cli.conftest import Tercet


def test_a_supervisor_that_asks_is_told(tmp_path: Path) -> None:
    """As it does for a reload: with the arguments of the start, in the same directory."""
    (tmp_path / "tercet.toml").write_text("[cluster]\ngrace = 3.0\n")
    arguments = ["up", "--gateway", "127.0.0.1:0", "--hang-timeout", "7", "--reload"]
    reader, writer = os.pipe()
    environ = os.environ | {"TERCET_SPEC_FD": str(writer)}
    command = [sys.executable, "-P", "-m", "tercet.cli", *arguments]
    ran = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environ,
        pass_fds=[writer],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    with open(reader, "rb") as answer:
        spec = msgspec.json.decode(answer.read(), type=MeshSpec)
    assert ran.communicate(timeout=30) == (b"", b"")
    assert ran.returncode == 0
    assert (spec.grace, spec.hang_timeout, spec.watch) == (3.0, 7.0, [str(tmp_path)])
    file = str(tmp_path / "tercet.toml")
    assert spec.origin == OriginSpec(arguments=arguments, directory=str(tmp_path), file=file)


def test_the_options_of_serve_arrive(tercet: Tercet, monkeypatch: pytest.MonkeyPatch) -> None:
    specs: list[MeshSpec] = []
    monkeypatch.setattr("tercet.cli.launching.launch", specs.append)
    ran = tercet(
        *("serve", "examples.greeter:register", "--max-requests", "5", "--max-requests-jitter"),
        *("2", "--max-age", "60", "--max-rss", "7", "--pin", "--preload", "--log", "a.log"),
        *("--metrics", "127.0.0.1:0", "--log-format", "json", "--pid-file", "pid"),
    )
    assert ran.code == 0, ran.err
    [spec] = specs
    assert (spec.metrics, spec.log, spec.log_format) == ("127.0.0.1:0", "a.log", "json")
    assert spec.pid_file == "pid"
    [service] = spec.services
    assert (service.bind, service.scaled_by_signal) == ("127.0.0.1:50060", True)
    assert (service.pin, service.preload) == (True, True)
    recycle = service.recycle
    assert (recycle.max_requests, recycle.max_requests_jitter) == (5, 2)
    assert (recycle.max_age, recycle.max_rss) == (60.0, 7)


@pytest.mark.parametrize(
    ("flags", "bind"),
    [
        ((), "127.0.0.1:50060"),
        (("--gateway", "127.0.0.1:0"), ""),
        (("--gateway", "127.0.0.1:0", "--bind", "127.0.0.1:1"), "127.0.0.1:1"),
        (("--bind", ""), ""),
    ],
)
def test_serve_opens_no_port_that_nobody_asked_for(
    tercet: Tercet, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], bind: str
) -> None:
    specs: list[MeshSpec] = []
    monkeypatch.setattr("tercet.cli.launching.launch", specs.append)
    assert tercet("serve", "examples.greeter:register", *flags).code == 0
    assert specs[0].services[-1].bind == bind


@pytest.mark.parametrize("verb", ["up", "serve", "gateway"])
def test_help_tells_what_options_mean(tercet: Tercet, verb: str) -> None:
    said = " ".join(tercet(verb, "--help").out.split())
    meaning = "Seconds that a stopping mesh may go on with the calls that it has [default: 10]."
    assert f"--grace SECONDS {meaning}" in said
    assert "--health HOST:PORT Health for probes [default: none]." in said
