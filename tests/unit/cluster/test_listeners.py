"""The listening sockets of one address: who gets connections, and that none is lost."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from tercet.cluster import binding, procnet, steering
from tercet.cluster import listeners as module
from tercet.cluster.address import Bind
from tercet.cluster.listeners import Listeners
from tercet.errors import ConfigError
from tests.support import eventually

ANY = Bind(host="127.0.0.1", port=0)
MIGRATES = Path("/proc/sys/net/ipv4/tcp_migrate_req")
CHILD = Path(__file__).parents[2] / "children" / "accept_and_tell_pid.py"


@pytest.fixture
def four() -> Iterator[Listeners]:
    made = Listeners(ANY, 4)
    yield made
    made.close()


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), timeout=10)


def accepted(listener: socket.socket) -> int:
    """How many connections are waiting there; they are taken."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def hits(listeners: Listeners, connections: int = 100, host: str = "127.0.0.1") -> Counter[int]:
    """Who of the slots was given how many; connections to somebody else are in none."""
    counts: Counter[int] = Counter()
    slots = {listener: slot for slot, listener in listeners.sockets().items()}
    for _ in range(connections):
        with connect(listeners.bind.port, host):
            # A client is connected a moment before its connection is queued.
            for listener in select.select(list(slots), [], [], 10)[0]:
                counts[slots[listener]] += accepted(listener)
    return counts


def stranger(bind: Bind, *, reuse_port: bool = True, listens: bool = True) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if bind.is_ipv6 else socket.AF_INET)
    if reuse_port:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if bind.is_ipv6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.bind((bind.host, bind.port))
    made.setblocking(False)
    if listens:
        made.listen()
    return made


def test_each_slot_has_a_socket_on_the_same_resolved_port(four: Listeners) -> None:
    assert four.bind.port > 0
    assert len({four.fileno(slot) for slot in range(4)}) == 4
    assert {it.getsockname() for it in four.sockets().values()} == {("127.0.0.1", four.bind.port)}
    assert set(hits(four)) == {0, 1, 2, 3}


def test_the_sockets_are_passed_on_only_on_purpose_and_do_not_block(four: Listeners) -> None:
    for slot in range(4):
        assert not os.get_inheritable(four.fileno(slot))
        assert not os.get_blocking(four.fileno(slot))


def test_all_interfaces_are_ipv4_and_ipv6() -> None:
    listeners = Listeners(Bind.parse("[::]:0"), 2)
    assert listeners.bind.host == "::"
    listeners.steer({0})
    assert hits(listeners, 20, "127.0.0.1") == {1: 20}
    assert hits(listeners, 20, "::1") == {1: 20}
    listeners.close()


def test_without_ipv6_all_interfaces_are_those_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "_ipv6_available", lambda: False)
    listeners = Listeners(Bind.parse("[::]:0"), 2)
    assert listeners.bind.host == "0.0.0.0"
    assert sum(hits(listeners, 10).values()) == 10
    listeners.close()


def test_what_cannot_be_bound_is_explained() -> None:
    with pytest.raises(ConfigError, match="must be an address of this machine"):
        Listeners(Bind(host="192.0.2.1", port=0), 2)


# Steering


def test_slots_that_are_away_get_nothing_new(four: Listeners) -> None:
    four.steer({1, 3})
    assert set(hits(four)) == {0, 2}
    four.steer({0, 1, 2})
    assert hits(four) == {3: 100}
    four.steer(())
    assert set(hits(four)) == {0, 1, 2, 3}


def test_if_all_are_away_all_get_connections(four: Listeners) -> None:
    four.steer({0, 1, 2, 3})
    assert set(hits(four)) == {0, 1, 2, 3}


def test_an_added_slot_gets_nothing_before_it_is_steered_to(four: Listeners) -> None:
    four.add(4)
    assert set(hits(four)) == {0, 1, 2, 3}
    four.steer({0, 1, 2, 3})
    assert hits(four) == {4: 100}
    with pytest.raises(ValueError, match="slot 4 has a socket"):
        four.add(4)


def test_the_program_is_right_after_each_removal(four: Listeners) -> None:
    four.add(4)
    for slot, left in ((1, {0, 2, 3, 4}), (0, {2, 3, 4}), (4, {2, 3})):
        four.steer({slot})
        four.remove(slot)
        assert set(four.sockets()) == left
        for only in left:
            four.steer(left - {only})
            assert hits(four, 20) == {only: 20}
    four.steer({3})
    four.remove(3)
    assert hits(four, 20) == {2: 20}
    with pytest.raises(ValueError, match="slot 2 is the only one"):
        four.remove(2)


def test_each_program_of_a_removal_is_right_before_and_after_the_socket_is_closed(
    four: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs: list[set[int]] = []
    monkeypatch.setattr(
        steering, "program", lambda live: programs.append(set(live)) or [(0x06, 0, 0, 0)]
    )
    four.steer({1})
    four.remove(1)
    # Slots 0, 2 and 3; then without 3, the last, which moves; then 3 in the place of 1.
    assert programs == [{0, 2, 3}, {0, 2}, {0, 1, 2}]


def test_where_no_program_would_be_right_the_socket_is_kept_for_the_next(four: Listeners) -> None:
    four.steer({0, 1, 2})
    kept = procnet.inode(four.sockets()[0])
    # Slot 3 is last: its connections would go anywhere while it takes the place of slot 0.
    four.remove(0)
    assert hits(four) == {3: 100}
    four.steer(())
    assert set(hits(four)) == {1, 2, 3}
    four.add(7)
    assert procnet.inode(four.sockets()[7]) == kept
    four.steer({1, 2, 3})
    assert hits(four) == {7: 100}


def test_removal_ends_the_listening_of_workers_that_still_have_the_socket(four: Listeners) -> None:
    with socket.socket(fileno=os.dup(four.fileno(1))) as inherited:
        four.steer({1})
        four.remove(1)
        assert not inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        assert sum(hits(four).values()) == 100


def test_without_programs_the_kernel_spreads_connections_and_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))

    monkeypatch.setattr(steering, "attach", refuse)
    listeners = Listeners(ANY, 3)
    listeners.steer({0})
    listeners.add(3)
    assert set(hits(listeners)) == {0, 1, 2, 3}
    listeners.remove(1)
    listeners.steer({0, 2})
    assert set(hits(listeners)) == {0, 2, 3}
    assert [record.message.count("cannot be steered") for record in caplog.records] == [1]
    listeners.close()


# What waits


def is_queued(four: Listeners, slot: int, connections: int = 1) -> bool:
    return four.waiting(slot) >= connections


async def test_waiting_counts_what_is_queued(four: Listeners) -> None:
    four.steer({0, 1, 3})
    with connect(four.bind.port), connect(four.bind.port):
        await eventually(partial(is_queued, four, 2, 2))
        assert [four.waiting(slot) for slot in range(4)] == [0, 0, 2, 0]
        accepted(four.sockets()[2])
        assert four.waiting(2) == 0


async def turns() -> None:
    """Lets whoever looks again every now and then look."""
    for _ in range(3):
        await asyncio.sleep(2 * module.LOOK)


async def test_empty_is_when_the_queue_is_and_handshakes_have_had_their_time(
    four: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    four.steer({0, 1, 3})
    client = connect(four.bind.port)
    await eventually(partial(is_queued, four, 2))
    four.steer({2})
    emptying = asyncio.create_task(four.empty(2))
    now += module.LINGER + 1
    await turns()
    assert not emptying.done()
    accepted(four.sockets()[2])
    await asyncio.wait_for(emptying, 10)
    client.close()

    four.steer({1})
    emptying = asyncio.create_task(four.empty(1))
    await turns()
    assert not emptying.done()
    now += module.LINGER
    await asyncio.wait_for(emptying, 10)
    # Nobody has sent it anything since: it need not wait again.
    await asyncio.wait_for(four.empty(1), 10)


class Acceptor:
    """What a worker does with its slot's socket: accepts, and answers."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=os.dup(fd))
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Accepts no more; what is queued stays so."""
        self._wake.close()
        self._thread.join()
        self._socket.close()
        self._woken.close()

    def _run(self) -> None:
        while self._woken not in select.select([self._socket, self._woken], [], [])[0]:
            with contextlib.suppress(BlockingIOError):
                client, _ = self._socket.accept()
                with client:
                    client.sendall(b"!")


class Clients:
    """Threads that connect, wait for the answer, and connect again, 5000 times at most."""

    def __init__(self, port: int) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._port = port
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set() and self.answered + len(self.failures) < 5000:
            said = self._once()
            with self._lock:
                if said:
                    self.failures.append(said)
                else:
                    self.answered += 1

    def _once(self) -> str:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=60) as client:
                return "" if client.recv(1) else "closed"
        except OSError as error:
            return type(error).__name__


async def replace_slots(four: Listeners, clients: Clients, *, carefully: bool) -> None:
    """Takes one slot after the other away and adds it again, while clients connect."""
    acceptors = {slot: Acceptor(four.fileno(slot)) for slot in range(4)}
    try:
        rounds = 0
        while rounds < 8 or (carefully and clients.answered < 400):
            slot = rounds % 4
            if carefully:
                four.steer({slot})
                await asyncio.wait_for(four.empty(slot), 60)
            acceptors.pop(slot).stop()
            if not carefully:
                # That some are queued when a worker goes is chance; here it is made sure.
                await eventually(partial(is_queued, four, slot), within=60)
            four.remove(slot)
            four.add(slot)
            acceptors[slot] = Acceptor(four.fileno(slot))
            four.steer(())
            rounds += 1
    finally:
        await asyncio.to_thread(clients.stop)
        for acceptor in acceptors.values():
            acceptor.stop()


async def test_no_connection_is_lost_when_a_slot_is_steered_away_emptied_and_removed(
    four: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On loopback no packet is lost, and none takes longer.
    monkeypatch.setattr(module, "LINGER", 0.05)
    clients = Clients(four.bind.port)
    await replace_slots(four, clients, carefully=True)
    assert clients.failures == []
    assert clients.answered >= 400


@pytest.mark.skipif(
    MIGRATES.is_file() and MIGRATES.read_text().strip() == "1",
    reason="this kernel moves queued connections to another socket by itself",
)
async def test_connections_are_reset_when_a_slot_is_removed_without_that(four: Listeners) -> None:
    clients = Clients(four.bind.port)
    await replace_slots(four, clients, carefully=False)
    assert len(clients.failures) >= 8
    assert set(clients.failures) == {"ConnectionResetError"}


def test_a_dead_workers_queued_connections_are_answered_by_its_successor(
    four: Listeners,
) -> None:
    def worker() -> subprocess.Popen[bytes]:
        fd = four.fileno(1)
        return subprocess.Popen([sys.executable, str(CHILD), str(fd)], pass_fds=[fd])

    def told(client: socket.socket) -> int:
        with client, client.makefile("rb") as answer:
            return int(answer.readline())

    four.steer({0, 2, 3})
    first = worker()
    try:
        assert told(connect(four.bind.port)) == first.pid
        first.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, first.pid, os.WSTOPPED)
        queued = [connect(four.bind.port) for _ in range(10)]
    finally:
        first.kill()
        first.wait()
    queued += [connect(four.bind.port) for _ in range(10)]
    asyncio.run(eventually(partial(is_queued, four, 1, 20)))
    assert four.waiting(1) == 20
    second = worker()
    try:
        assert {told(client) for client in queued} == {second.pid}
    finally:
        second.kill()
        second.wait()


# Others on the same port


@pytest.mark.parametrize("slots", [1, 3])
def test_a_foreign_listener_is_refused_at_the_start(slots: int) -> None:
    with stranger(ANY) as foreign:
        bind = Bind(host="127.0.0.1", port=foreign.getsockname()[1])
        with pytest.raises(ConfigError, match="already in use; stop the other server") as caught:
            Listeners(bind, slots)
    assert caught.value.reason == "PORT_IN_USE"


def test_connections_that_a_killed_mesh_has_ended_do_not_keep_the_port(four: Listeners) -> None:
    port = four.bind.port
    with connect(port) as client:
        (listener,) = select.select(list(four.sockets().values()), [], [], 10)[0]
        # Its side ends first, as when it is killed: TIME_WAIT is its.
        listener.accept()[0].close()
        assert client.recv(1) == b""
    four.close()
    again = Listeners(Bind(host="127.0.0.1", port=port), 1)
    assert hits(again, 1) == {0: 1}
    again.close()


def test_another_mesh_is_refused(four: Listeners) -> None:
    with pytest.raises(ConfigError):
        Listeners(four.bind, 2)


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_a_foreign_listener_that_joins_later_gets_nothing_and_is_named(host: str) -> None:
    four = Listeners(Bind(host=host, port=0), 4)
    assert four.foreign() == []
    with stranger(four.bind) as foreign:
        inode = procnet.inode(foreign)
        (said,) = four.foreign()
        assert said.startswith(f"{four.bind}, inode {inode}, pid {os.getpid()} (")
        assert sum(hits(four, 200).values()) == 200
        # It is the last, and moves into the place of slot 1.
        four.steer({1})
        four.remove(1)
        four.add(5)
        for only in (0, 2, 3, 5):
            four.steer({0, 2, 3, 5} - {only})
            assert hits(four, 50) == {only: 50}
    # Now slot 5 moves into its place.
    for only in (0, 2, 3, 5):
        four.steer({0, 2, 3, 5} - {only})
        assert hits(four, 50) == {only: 50}
    four.close()


def test_one_that_takes_a_part_of_our_addresses_is_named_too() -> None:
    listeners = Listeners(Bind(host="0.0.0.0", port=0), 2)
    with stranger(Bind(host="127.0.0.1", port=listeners.bind.port)):
        assert len(listeners.foreign()) == 1
    listeners.close()
    listeners = Listeners(ANY, 2)
    with stranger(Bind(host="127.0.0.2", port=listeners.bind.port)):
        assert listeners.foreign() == []
    listeners.close()


# Sockets of somebody else


def test_inherited_sockets_are_the_first_slots_and_others_go_beside_them() -> None:
    first = stranger(ANY)
    bind = Bind(host="127.0.0.1", port=first.getsockname()[1])
    second = stranger(bind)
    second.set_inheritable(True)
    fds = [first.fileno(), second.fileno()]
    listeners = Listeners(Bind(host="0.0.0.0", port=1), 4, inherited=[first, second])
    assert listeners.bind == bind
    assert [listeners.fileno(0), listeners.fileno(1)] == fds
    assert not os.get_inheritable(fds[1])
    for only in range(4):
        listeners.steer({0, 1, 2, 3} - {only})
        assert hits(listeners, 20) == {only: 20}
    listeners.close()


async def test_an_inherited_socket_that_allows_no_other_is_shared_by_all_slots() -> None:
    only = stranger(ANY, reuse_port=False)
    listeners = Listeners(ANY, 3, inherited=[only])
    assert {listeners.fileno(slot) for slot in range(3)} == {only.fileno()}
    listeners.steer({0, 1})
    listeners.add(3)
    assert listeners.fileno(3) == only.fileno()
    listeners.steer({1})
    listeners.remove(1)
    with connect(listeners.bind.port):
        await eventually(partial(is_queued, listeners, 0))
        assert listeners.waiting(0) == listeners.waiting(2) == 1
    assert list(listeners.sockets().values()) == [only]
    listeners.close()


async def test_a_successor_steers_the_sockets_that_were_handed_over(four: Listeners) -> None:
    four.steer({0})
    four.remove(0)
    order = [socket.socket(fileno=os.dup(it.fileno())) for it in four.sockets().values()]
    waits = connect(four.bind.port)
    await eventually(lambda: sum(map(four.waiting, (1, 2, 3))) == 1)
    successor = Listeners(four.bind, 4, inherited=order)
    four.close()
    assert sum(map(successor.waiting, range(4))) == 1
    assert sum(map(accepted, successor.sockets().values())) == 1
    waits.close()
    for only in range(4):
        successor.steer({0, 1, 2, 3} - {only})
        assert hits(successor, 20) == {only: 20}
    successor.close()


def test_more_inherited_sockets_than_slots_wait_for_slots(four: Listeners) -> None:
    order = [socket.socket(fileno=os.dup(it.fileno())) for it in four.sockets().values()]
    successor = Listeners(four.bind, 2, inherited=order)
    four.close()
    assert set(hits(successor)) == {0, 1}
    assert len(successor.sockets()) == 4
    successor.add(2)
    successor.steer({0, 1})
    assert hits(successor, 20) == {2: 20}
    successor.close()


def test_one_socket_handed_over_twice_is_one() -> None:
    first = stranger(ANY)
    listeners = Listeners(ANY, 2, inherited=[first, first.dup()])
    for only in range(2):
        listeners.steer({1 - only})
        assert hits(listeners, 20) == {only: 20}
    listeners.close()


def test_a_stranger_beside_inherited_sockets_is_refused_and_named() -> None:
    first = stranger(ANY)
    other = stranger(Bind(host="127.0.0.1", port=first.getsockname()[1]))
    inode = procnet.inode(other)
    with first, other, pytest.raises(ConfigError, match="somebody else listens") as caught:
        Listeners(ANY, 2, inherited=[first])
    assert f"inode {inode}" in caught.value.message
    assert caught.value.reason == "PORT_IN_USE"


def test_what_does_not_listen_on_one_tcp_address_is_refused(tmp_path: Path) -> None:
    with stranger(ANY, listens=False) as bound, pytest.raises(ConfigError, match="does not listen"):
        Listeners(ANY, 1, inherited=[bound])
    with socket.socket(type=socket.SOCK_DGRAM) as udp, pytest.raises(ConfigError, match="no TCP"):
        Listeners(ANY, 1, inherited=[udp])
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "socket"))
        unix.listen()
        with pytest.raises(ConfigError, match="is no TCP socket; hand over listening TCP"):
            Listeners(ANY, 1, inherited=[unix])
    one, two = stranger(ANY), stranger(ANY)
    with one, two, pytest.raises(ConfigError, match="listen on 2 addresses: 127"):
        Listeners(ANY, 2, inherited=[one, two])


def test_at_the_end_nobody_listens_whoever_has_kept_a_descriptor() -> None:
    ours = Listeners(ANY, 1)
    kept = os.dup(ours.fileno(0))
    try:
        ours.close(end=True)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((ours.bind.host, ours.bind.port))
    finally:
        os.close(kept)


def test_what_was_inherited_is_not_ended() -> None:
    given = socket.create_server(("127.0.0.1", 0), reuse_port=True)
    kept = given.dup()
    Listeners(ANY, 1, inherited=[given]).close(end=True)
    with kept, socket.create_connection(kept.getsockname()):
        pass
