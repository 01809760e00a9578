"""What users install: the sdist and the wheel hold what they must, and work in an empty venv."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from tests.integration.tools import ROOT

pytestmark = pytest.mark.timeout(600)

PROTOS = [path.relative_to(ROOT / "protos") for path in (ROOT / "protos").rglob("*.proto")]
NATIVE = [
    path.relative_to(ROOT)
    for path in (ROOT / "native").rglob("*")
    if path.suffix in {".pyx", ".pxd", ".h", ".c"}
]
MODULES = [path.relative_to("native").with_suffix("") for path in NATIVE if path.suffix == ".pyx"]
TYPES = [path.relative_to(ROOT / "services") for path in (ROOT / "services").rglob("_*.pyi")]

assert PROTOS
assert MODULES
assert TYPES

# Runs in the venv, far from the work tree: what it imports can only be what was installed.
USE = """
import importlib, pathlib, sys
import tercet
assert not {"grpc", "numpy"} & set(sys.modules), "import tercet is not lazy"
home = pathlib.Path(tercet.__file__).parent
assert pathlib.Path(sys.prefix) in home.parents, home
for name in sys.argv[1:]:
    importlib.import_module(name)
tercet.connect
"""


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    return root


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist, as pip does where no wheel fits: the sdist lacks nothing."""
    return built("wheel", unpacked, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a venv that holds the wheel and what it depends on, and nothing else."""
    venv = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", str(venv))
    interpreter = venv / "bin" / "python"
    run(str(interpreter), "-m", "pip", "install", "--quiet", str(wheel))
    return interpreter


def test_the_sdist_holds_the_sources(unpacked: Path) -> None:
    wanted = [
        *NATIVE,
        *(Path("protos") / each for each in PROTOS),
        *(Path("services") / each for each in TYPES),
    ]
    wanted += [Path(name) for name in ("LICENSE", "README.md", "pyproject.toml", "setup.py")]
    assert [each for each in wanted if not (unpacked / each).is_file()] == []


def test_the_sdist_holds_nothing_built(unpacked: Path) -> None:
    found = [path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()]
    assert [each for each in found if each.suffix in {".so", ".pyc"} or "_pb2" in each.name] == []
    generated = [each for each in found if each.suffix in {".c", ".cpp"} and each not in NATIVE]
    assert generated == []


def test_the_wheel_holds_the_package(wheel: Path) -> None:
    names = contents(wheel)
    wanted = {str(each) for each in TYPES} | {"tercet/py.typed", "tercet/executor/catalogue.toml"}
    for proto in PROTOS:
        for suffix in ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi"):
            wanted.add(str(proto.with_name(proto.stem + suffix)))
    assert sorted(wanted - names) == []
    compiled = {name.partition(".")[0] for name in names if name.endswith(".so")}
    assert compiled == {str(each) for each in MODULES}


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    """No tests, no sources of the native modules, no top-level package but tercet."""
    for name in map(PurePosixPath, contents(wheel)):
        assert name.parts[0] == "tercet" or name.parts[0].endswith(".dist-info")
        assert name.suffix not in {".pyx", ".pxd", ".c", ".proto"}
        assert "tests" not in name.parts


def test_the_wheel_imports_in_an_empty_venv(python: Path, tmp_path: Path) -> None:
    modules = [".".join(each.parts) for each in MODULES]
    run(str(python), "-c", USE, *modules, cwd=tmp_path)


def test_the_command_runs_in_an_empty_venv(python: Path, tmp_path: Path) -> None:
    said = run(str(python.with_name("tercet")), "--help", cwd=tmp_path)
    assert "up" in said
    assert "serve" in said


def test_no_requirement_is_broken(python: Path) -> None:
    run(str(python), "-m", "pip", "check")


def built(kind: str, source: Path, target: Path) -> Path:
    """Builds with what is installed here: the versions that the project pins for building."""
    run(
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        f"--{kind}",
        f"--outdir={target}",
        ".",
        cwd=source,
    )
    (made,) = target.iterdir()
    return made


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def run(*command: str, cwd: Path | None = None) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout
