from __future__ import annotations

import socket

import pytest

from benchmarks import ports


def test_nobody_listens_on_a_free_port() -> None:
    port = ports.free_port()
    assert not ports.listens(port)
    with socket.create_server((ports.HOST, port)):
        assert ports.listens(port)


@pytest.mark.parametrize(("timeout", "alive"), [(60.0, False), (0.0, True)])
def test_a_port_is_waited_for_while_there_is_hope(timeout: float, alive: bool) -> None:
    port = ports.free_port()
    assert not ports.wait_for(port, timeout, lambda: alive)
    with socket.create_server((ports.HOST, port)):
        assert ports.wait_for(port, timeout, lambda: alive)
