"""Who listens on a port."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from tercet.cluster import procnet
from tercet.cluster.address import Bind
from tercet.cluster.procnet import Listener

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  ...\n"


def line(local: str, state: str, inode: int) -> str:
    return (
        f"   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000"
        f"        0 {inode} 1 0000000000000000 100 0 0 10 0\n"
    )


def table(proc: Path, name: str, *lines: str) -> None:
    (proc / "net").mkdir(exist_ok=True)
    (proc / "net" / name).write_text(HEADER + "".join(lines))


def test_listeners_of_that_port_are_found_with_their_addresses(tmp_path: Path) -> None:
    loopback = "0100007F" if sys.byteorder == "little" else "7F000001"
    table(
        tmp_path,
        "tcp",
        line(f"{loopback}:1F90", "0A", 11),
        line("00000000:1F91", "0A", 12),
        line(f"{loopback}:1F90", "01", 13),
    )
    table(tmp_path, "tcp6", line(f"{'0' * 32}:1F90", "0A", 14))
    assert procnet.listeners(8080, proc=tmp_path) == [
        Listener(Bind(host="127.0.0.1", port=8080), 11),
        Listener(Bind(host="::", port=8080), 14),
    ]


def test_it_does_not_read_the_connections(tmp_path: Path) -> None:
    table(tmp_path, "tcp", line("00000000:1F90", "01", 13), "no line of such a table\n")
    assert procnet.listeners(8080, proc=tmp_path) == []


def test_without_proc_there_is_nobody(tmp_path: Path) -> None:
    assert procnet.listeners(8080, proc=tmp_path / "none") == []


def test_the_kernels_table_shows_ours_and_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as made:
        port = made.getsockname()[1]
        (found,) = procnet.listeners(port)
        assert found == Listener(Bind(host="127.0.0.1", port=port), procnet.inode(made))
        said = procnet.described(found)
    assert said.startswith(f"127.0.0.1:{port}, inode {found.inode}, pid {os.getpid()} (")


def test_a_process_that_cannot_be_looked_into_is_not_named(tmp_path: Path) -> None:
    other = Listener(Bind(host="::", port=80), 7)
    (tmp_path / "1234").mkdir()
    assert procnet.described(other, proc=tmp_path) == "[::]:80, inode 7"
