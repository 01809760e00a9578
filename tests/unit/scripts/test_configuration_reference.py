"""docs/configuration.md lists the options that there are, as they are."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from tercet.cli.config.loading import Loaded
from tercet.cli.config.sections import Config, ServiceSection

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "configuration_reference.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("configuration_reference", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_manual_is_up_to_date(script: ModuleType) -> None:
    assert script.main(["--check"]) == 0


def test_a_stale_manual_is_noticed_and_written_anew(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    right = script.MANUAL.read_text()
    manual = tmp_path / "configuration.md"
    manual.write_text(right.replace("grace = 10.0", "grace = 11.0"))
    monkeypatch.setattr(script, "MANUAL", manual)
    assert script.main(["--check"]) == 1
    assert script.main([]) == 0
    assert manual.read_text() == right


def test_the_reference_is_a_configuration_of_defaults(script: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "tercet.toml"
    file.write_text(re.sub("```.*", "", script.reference()))
    read = tomllib.loads(file.read_text())
    config = Loaded(file, environ={}, settings={}).config()
    default = Config(services={"greeter": ServiceSection(target="examples.greeter:register")})
    for name in ("engine", "compute", "executor", "services"):
        assert getattr(config, name) == getattr(default, name)
    for name, examples in (
        ("cluster", {"hooks"}),
        ("gateway", {"upstreams", "routes", "upstream_tls"}),
    ):
        section = getattr(config, name)
        assert set(read[name]) == set(section.__struct_fields__)
        for option in set(section.__struct_fields__) - examples:
            assert getattr(section, option) == getattr(getattr(default, name), option)
    # As a mesh too: what it says fits together.
    Loaded(file, environ={}, settings={}).mesh()


def test_every_option_is_described(script: ModuleType) -> None:
    for line in script.reference().splitlines():
        if re.match(r"\w+ = ", line) and not line.startswith(("worker_exited", "reload_failed")):
            assert "# " in line, line
