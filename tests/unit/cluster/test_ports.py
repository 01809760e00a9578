"""Holding a port for workers that bind it themselves."""

from __future__ import annotations

import socket

import pytest

from tercet.cluster.address import Bind
from tercet.cluster.ports import Reservation
from tercet.errors import ConfigError

ANY = Bind(host="127.0.0.1", port=0)


def listener(bind: Bind) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((bind.host, bind.port))
    made.listen()
    return made


def test_port_0_is_resolved_and_workers_bind_beside_it() -> None:
    held = Reservation(ANY)
    with listener(held.bind), listener(held.bind):
        assert held.bind.port > 0
    held.close()


def test_it_takes_no_connections_itself() -> None:
    held = Reservation(ANY)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((held.bind.host, held.bind.port), timeout=1)
    with listener(held.bind) as worker:
        for _ in range(20):
            # A listening reservation would be given, and swallow, half of these.
            with socket.create_connection((held.bind.host, held.bind.port), timeout=5):
                worker.settimeout(5)
                worker.accept()[0].close()
    held.close()


def test_a_foreign_listener_is_refused_even_with_so_reuseport() -> None:
    with listener(ANY) as foreign:
        port = foreign.getsockname()[1]
        with pytest.raises(ConfigError, match="Address already in use; stop the other") as caught:
            Reservation(Bind(host="127.0.0.1", port=port))
    assert caught.value.reason == "PORT_IN_USE"


def test_another_reservation_is_refused() -> None:
    held = Reservation(ANY)
    with pytest.raises(ConfigError):
        Reservation(held.bind)
    held.close()
    Reservation(held.bind).close()


def test_connections_in_time_wait_do_not_hinder() -> None:
    held = Reservation(ANY)
    with listener(held.bind) as worker:
        client = socket.create_connection((held.bind.host, held.bind.port))
        accepted, _ = worker.accept()
        accepted.close()  # the side that closes first waits
        client.close()
    held.close()
    Reservation(held.bind).close()


def test_a_foreign_address_is_explained() -> None:
    with pytest.raises(ConfigError, match="must be an address of this machine"):
        Reservation(Bind(host="192.0.2.1", port=0))
