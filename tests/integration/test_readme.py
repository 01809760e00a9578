"""What the README shows is what happens: its examples are run again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import Start
from tests.integration.meshes import ROOT, Mesh
from tests.integration.tools import INSTALLED, find, unavailable

README = (ROOT / "README.md").read_text()
ADDRESS = "localhost:50050"
# What differs from run to run: durations, numbers of threads and bytes of an encoder.
VOLATILE = [
    (re.compile(r'"\d+\.\d+s"'), '"<duration>"'),
    (re.compile(r'"threads": \d+'), '"threads": <n>'),
    (re.compile(r"(\tjpeg\t\d+\t\d+\t)\d+"), r"\1<bytes>"),
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def console() -> list[tuple[str, str]]:
    """Each command of the console blocks with the output below it."""
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def steady(output: str) -> str:
    for pattern, replacement in VOLATILE:
        output = pattern.sub(replacement, output)
    return output


@pytest.fixture
def plain_mesh(start: Start) -> Mesh:
    """What `make up` runs, on a free port."""
    return start("up", "--gateway", "127.0.0.1:0").wait_ready()


def test_the_shell_examples(plain_mesh: Mesh, tmp_path: Path) -> None:
    if not find("grpcurl"):
        unavailable("grpcurl is not installed: run `make tools`")
    path = os.pathsep.join([str(Path(sys.executable).parent), str(INSTALLED), os.environ["PATH"]])
    environ = os.environ | {"PATH": path, "TERCET_ADDRESS": plain_mesh.gateway}
    examples = console()
    assert len(examples) >= 5
    for command, expected in examples:
        here = command.replace(ADDRESS, plain_mesh.gateway).replace("/tmp/", f"{tmp_path}/")
        ended = subprocess.run(
            ["bash", "-c", here],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
        shown = ended.stdout.replace(f"{tmp_path}/", "/tmp/")
        assert steady(shown) == steady(expected), command


def test_the_python_example(plain_mesh: Mesh) -> None:
    [code] = [block for block in blocks("python") if "asyncio.run" in block]
    expected = README.split(code)[1].split("```")[2].lstrip("\n")
    ended = subprocess.run(
        [sys.executable, "-c", code.replace(ADDRESS, plain_mesh.gateway)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == expected


def test_its_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
