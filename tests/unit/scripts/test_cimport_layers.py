from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "cimport_layers.py"
PYPROJECT = """
[[tool.importlinter.contracts]]
type = "forbidden"

[[tool.importlinter.contracts]]
type = "layers"
layers = ["tercet.gateway | tercet.compute", "tercet.cluster", "tercet.rpc"]
"""


def check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for name in ("gateway", "compute/kernels", "cluster", "rpc"):
        (tmp_path / "native/tercet" / name).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "line", "other"),
    [
        ("gateway/_a.pyx", "from tercet.compute._pool cimport Job", "tercet.compute"),
        ("gateway/_a.pyx", "from tercet cimport compute", "tercet.compute"),
        ("compute/_a.pyx", "cimport tercet.gateway._proxy as proxy", "tercet.gateway"),
        ("compute/kernels/_a.pyx", "from ...gateway._proxy cimport x", "tercet.gateway"),
        ("compute/_a.pyx", "from ..gateway cimport _proxy", "tercet.gateway"),
        ("compute/_a.pyx", "from .. cimport gateway", "tercet.gateway"),
        ("cluster/_a.pxd", "from tercet.compute._pool cimport Job", "tercet.compute"),
        ("rpc/_a.pyx", "cimport cython, tercet.cluster._b", "tercet.cluster"),
        ("rpc/_a.pyx", "    import tercet.cluster", "tercet.cluster"),
    ],
)
def test_an_upward_or_sideward_import_is_named(tree: Path, path: str, line: str, other: str):
    (tree / "native/tercet" / path).write_text(f'"""One."""\n\n{line}\n')
    result = check(tree)
    assert result.returncode == 1
    assert result.stdout.startswith(f"native/tercet/{path}:3: ")
    assert result.stdout.endswith(f"must not import {other}\n")
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gateway/_a.pyx", "from tercet.rpc._http2 cimport Session"),
        ("gateway/_a.pyx", "from ..cluster cimport _b"),
        ("compute/kernels/_a.pyx", "from tercet.compute._pool cimport Job\nfrom ._b cimport c"),
        ("rpc/_a.pyx", "from libc.stdint cimport int64_t\nimport numpy"),
        ("rpc/_a.pyx", "# from tercet.compute cimport _pool"),
        ("rpc/_a.pyx", '"""As in:\n\nfrom tercet.compute cimport _pool\n"""'),
    ],
)
def test_what_goes_down_or_stays_is_fine(tree: Path, path: str, text: str):
    (tree / "native/tercet" / path).write_text(text)
    result = check(tree)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_our_own_tree_keeps_the_layers():
    result = check(ROOT)
    assert (result.returncode, result.stdout) == (0, "")
