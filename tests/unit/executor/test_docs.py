"""The examples of docs/executor.md."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from tercet.executor import catalogue
from tercet.executor.config import ExecutorConfig

PAGE = Path(__file__).parents[3] / "docs" / "executor.md"


def test_the_documented_options_are_all_and_show_the_defaults() -> None:
    config, _ = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    shown = tomllib.loads(config)["executor"]
    assert shown.keys() == set(ExecutorConfig.__struct_fields__)
    documented = msgspec.structs.asdict(msgspec.convert(shown, ExecutorConfig))
    defaults = msgspec.structs.asdict(ExecutorConfig())
    assert {name for name in defaults if documented[name] != defaults[name]} == {
        "catalogue",
        "media_root",
    }


def test_the_documented_catalogue_loads(tmp_path: Path) -> None:
    _, example = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = tmp_path / "example.toml"
    path.write_text(example)
    resize = catalogue.load(str(path))["resize"]
    assert resize.argv.render({"input": "I", "format": "png", "output": "O"}) == ["I", "png:O"]
