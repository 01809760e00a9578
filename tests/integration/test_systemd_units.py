"""The units in deploy/systemd are such that systemd takes them, and agree with what they start."""

from __future__ import annotations

import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from tercet.cli.config.sections import Config
from tercet.cluster.address import Bind
from tercet.cluster.life import MARGIN
from tests.integration.tools import ROOT

UNITS = ROOT / "deploy" / "systemd"


def unit(name: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    # Names are in upper and lower case.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name)
    return parser


def test_the_mesh_has_the_time_that_it_may_take() -> None:
    service, cluster = unit("tercet.service")["Service"], Config().cluster
    assert float(service["TimeoutStartSec"]) > cluster.boot_timeout
    assert float(service["TimeoutStopSec"]) > cluster.grace + MARGIN
    assert service["RestartPreventExitStatus"] == "78"


def test_the_runtime_directory_is_the_one_that_systemd_makes() -> None:
    service = unit("tercet.service")["Service"]
    assert f"TERCET_RUNTIME_DIR=/run/{service['RuntimeDirectory']}" in service["Environment"]
    assert service["RuntimeDirectoryMode"] == "0700"


def test_the_socket_is_the_gateways() -> None:
    listens = Bind.parse(unit("tercet.socket")["Socket"]["ListenStream"])
    assert listens.port == Bind.parse(Config().gateway.bind).port


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_systemd_takes_them(tmp_path: Path) -> None:
    for path in UNITS.iterdir():
        # It wants the program to be there.
        text = path.read_text().replace("/opt/tercet/bin/tercet", "/bin/true")
        (tmp_path / path.name).write_text(text)
    verified = subprocess.run(
        ["systemd-analyze", "verify", *sorted(tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
