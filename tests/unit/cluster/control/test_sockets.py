"""Sockets that the supervisor owns."""

from __future__ import annotations

import os
import socket

import pytest

from tercet.cluster.address import Bind
from tercet.cluster.control import sockets
from tercet.errors import ConfigError


def test_an_inherited_one_goes_no_further_and_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        os.set_inheritable(listening.fileno(), True)
        where = f"fd:{listening.fileno()}"
        sockets.keep(where)
        assert not os.get_inheritable(listening.fileno())
        taken = sockets.address_or_socket(where)
        assert isinstance(taken, socket.socket)
        with taken:
            assert not taken.get_inheritable()
            assert taken.getsockname() == listening.getsockname()
        with socket.create_connection(listening.getsockname(), timeout=30):
            pass


def test_an_address_is_one() -> None:
    sockets.keep("127.0.0.1:80")
    sockets.keep("")
    assert sockets.address_or_socket("127.0.0.1:80") == Bind("127.0.0.1", 80)


def test_one_that_was_not_inherited_is_said() -> None:
    with pytest.raises(ConfigError, match="fd:12345 was not inherited"):
        sockets.keep("fd:12345")
