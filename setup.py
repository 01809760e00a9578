"""What cannot be declared in pyproject.toml: the protobuf stubs and the Cython extensions."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import ClassVar

from setuptools import Command, Extension, setup
from setuptools.command.build import build

ROOT = Path(__file__).parent
PROTOS = Path("protos")
NATIVE = Path("native")
SERVICES = Path("services")
# System libraries that a module is linked with.
LIBRARIES = {
    f"tercet.rpc.{module}": ["nghttp2"]
    for module in (
        *("_carrier", "_connection", "_fields", "_invocation", "_meter", "_request", "_session"),
        "_stream",
    )
} | {
    f"tercet.gateway.{module}": ["nghttp2"]
    for module in ("_call", "_lane", "_plane", "_route", "_subchannel", "_upstream", "_wheel")
}


class build_protos(Command):
    """Makes Python stubs from protos/: in place for an editable install, else in build_lib.

    Follows setuptools' SubCommand protocol (setuptools/command/build.py).
    """

    description = "make Python stubs from protos/"
    user_options: ClassVar[list[tuple[str, str | None, str | None]]] = [
        ("build-lib=", "d", "where to put them; services/ makes them in place")
    ]
    editable_mode = False

    def initialize_options(self) -> None:
        self.build_lib: str | None = None

    def finalize_options(self) -> None:
        self.set_undefined_options("build_py", ("build_lib", "build_lib"))

    def run(self) -> None:
        from grpc_tools import protoc

        include = str(Path(protoc.__file__).parent / "_proto")
        target = SERVICES if self.editable_mode else Path(self.build_lib or ".")
        for package in {source.parent for source in self._sources()}:
            folder = target / package.relative_to(PROTOS)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "__init__.py").touch()
        outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
        # The plugin is beside this Python, which need not be on PATH (.venv/bin/pip ...).
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        plugin = shutil.which("protoc-gen-mypy_grpc", path=path)
        types = [f"--plugin=protoc-gen-mypy_grpc={plugin}", f"--mypy_grpc_out=quiet:{target}"]
        arguments = ["protoc", f"-I{PROTOS}", f"-I{include}", *outputs, *types]
        if protoc.main([*arguments, *map(str, self._sources())]) != 0:
            raise SystemExit("protoc failed")

    def get_source_files(self) -> list[str]:
        return [str(path) for path in [*self._sources(), PROTOS / "buf.yaml"]]

    def get_outputs(self) -> list[str]:
        return list(self._mapping(Path(self.build_lib or ".")))

    def get_output_mapping(self) -> dict[str, str]:
        return self._mapping(Path(self.build_lib or ".")) if self.editable_mode else {}

    def _sources(self) -> list[Path]:
        return sorted(PROTOS.rglob("*.proto"))

    def _mapping(self, build_lib: Path) -> dict[str, str]:
        stubs = []
        for source in (path.relative_to(PROTOS) for path in self._sources()):
            stubs.append(source.parent / "__init__.py")
            for suffix in ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi"):
                stubs.append(source.with_name(source.stem + suffix))
        return {str(build_lib / stub): str(SERVICES / stub) for stub in stubs}


# -ffp-contract=off: a kernel gives the same bits on every CPU, with FMA or without.
COMPILE = ["-ffp-contract=off", "-fvisibility=hidden", "-pthread"]
LINK = ["-pthread"]
# TERCET_SANITIZE=address,undefined: for scripts/sanitized.sh, not for use. The first fault ends the
# process.
if sanitizers := os.environ.get("TERCET_SANITIZE"):
    COMPILE += ["-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all"]
    COMPILE.append(f"-fsanitize={sanitizers}")
    LINK.append(f"-fsanitize={sanitizers}")
else:
    COMPILE.append("-O3")


def extensions() -> list[Extension]:
    """One extension for each .pyx below native/; its path is its module's name."""
    headers = [str(path) for suffix in ("pxd", "h") for path in sorted(NATIVE.rglob(f"*.{suffix}"))]
    found = []
    for source in sorted(NATIVE.rglob("*.pyx")):
        module = ".".join(source.relative_to(NATIVE).with_suffix("").parts)
        extension = Extension(
            module,
            [str(source)],
            libraries=LIBRARIES.get(module, []),
            depends=headers,
            include_dirs=[str(NATIVE / "include"), str(source.parent)],
            extra_compile_args=COMPILE,
            extra_link_args=LINK,
        )
        extension.cython_include_dirs = [str(NATIVE), str(NATIVE / "include")]
        extension.cython_c_in_temp = True
        extension.cython_directives = {
            "language_level": 3,
            "binding": True,
            "embedsignature": False,
            "autotestdict": False,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
        }
        found.append(extension)
    return found


build.sub_commands = [("build_protos", None), *build.sub_commands]
setup(cmdclass={"build_protos": build_protos}, ext_modules=extensions())
