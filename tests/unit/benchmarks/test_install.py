"""Peers are built once, again when their sources change, and left out where they cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import install
from benchmarks.install import Missing


def test_it_is_built_once_and_again_when_a_source_changes(tmp_path: Path) -> None:
    source, place = tmp_path / "serve.py", tmp_path / "place"
    source.write_text("1")
    built: list[str] = []

    def build(folder: Path) -> None:
        built.append((folder / "serve.py").read_text())

    for _ in range(2):
        folder = install.installed("peer", [source], build, place)
    assert built == ["1"]
    (folder / "left over").touch()
    source.write_text("2")
    install.installed("peer", [source], build, place)
    assert built == ["1", "2"]
    assert not (folder / "left over").exists()


def test_a_build_that_failed_is_tried_again(tmp_path: Path) -> None:
    source, place = tmp_path / "serve.py", tmp_path / "place"
    source.write_text("1")

    def fail(_: Path) -> None:
        raise Missing("no network")

    with pytest.raises(Missing):
        install.installed("peer", [source], fail, place)
    built: list[Path] = []
    install.installed("peer", [source], built.append, place)
    assert built


def test_a_missing_tool_is_named() -> None:
    with pytest.raises(Missing, match="no-such-tool is not installed"):
        install.tool("no-such-tool")


def test_why_a_command_failed_is_printed_and_not_raised(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(Missing) as raised:
        install.run([sys.executable, "-c", "raise SystemExit('some registry')"])
    assert "some registry" not in str(raised.value)
    assert "some registry" in capsys.readouterr().err
