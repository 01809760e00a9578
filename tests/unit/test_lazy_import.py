"""`import tercet` costs nothing: grpc and NumPy load with the first name that needs them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("grpc", "numpy", "google.protobuf", "rich", "typer", "uvloop", "asyncio")


def loaded_after(statement: str) -> set[str]:
    program = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("statement", ["import tercet", "import tercet.errors"])
def test_importing_loads_nothing_heavy(statement: str) -> None:
    assert loaded_after(statement).isdisjoint(HEAVY)


def test_the_command_line_loads_neither_grpc_nor_numpy_before_a_verb_needs_them() -> None:
    loaded = loaded_after("from tercet.cli.app import build; build()")
    assert loaded.isdisjoint({"grpc", "numpy", "google.protobuf", "asyncio"})


@pytest.mark.parametrize("name", ["connect", "Client", "client"])
def test_names_load_when_asked_for(name: str) -> None:
    assert "grpc" in loaded_after(f"import tercet; tercet.{name}")


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert "grpc" not in loaded_after(
        "import tercet\ntry:\n  tercet.nothing\nexcept AttributeError: pass"
    )
