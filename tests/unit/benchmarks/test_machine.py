from __future__ import annotations

import platform

from benchmarks import machine


def test_the_model_is_read() -> None:
    assert machine.cpu_model("processor\t: 0\nmodel name\t: Some CPU: fast\n") == "Some CPU: fast"


def test_without_a_model_the_architecture_is_told() -> None:
    assert machine.cpu_model("processor\t: 0\nCPU part\t: 0xd0c\n") == platform.machine()


def test_the_host_is_not_named() -> None:
    line = machine.line(["grpcio"])
    assert platform.node() not in line
    assert "grpcio 1." in line
