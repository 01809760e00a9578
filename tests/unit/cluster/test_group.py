"""The order of a group of sockets, and that the kernel's is the same."""

from __future__ import annotations

import random
import select
import socket
from collections.abc import Iterator

import pytest

from tercet.cluster import procnet, steering
from tercet.cluster.group import Group


def test_the_last_takes_the_place_of_one_that_leaves() -> None:
    group = Group()
    for inode in (10, 11, 12, 13):
        group.join(inode)
    group.leave(11)
    assert list(group) == [10, 13, 12]
    group.leave(12)
    assert list(group) == [10, 13]
    assert group.indices({13}) == [1]
    assert group.missing({10}) == [13]


class Kernel:
    """Sockets that listen on one address of this machine."""

    def __init__(self, family: socket.AddressFamily) -> None:
        self.family = family
        self.host = "::" if family == socket.AF_INET6 else "127.0.0.1"
        self.port = 0
        self.sockets: dict[int, socket.socket] = {}

    def bind(self) -> socket.socket:
        made = socket.socket(self.family)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if self.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind((self.host, self.port))
        made.setblocking(False)
        self.port = made.getsockname()[1]
        return made

    def listen(self, made: socket.socket) -> int:
        made.listen()
        self.sockets[procnet.inode(made)] = made
        return procnet.inode(made)

    def order(self) -> list[int]:
        """Asks for each index who gets its connections."""
        return [self._at(index) for index in range(len(self.sockets))]

    def _at(self, index: int) -> int:
        steering.attach(next(iter(self.sockets.values())), steering.program([index]))
        with socket.create_connection(("127.0.0.1", self.port), timeout=10):
            ready, _, _ = select.select(list(self.sockets.values()), [], [], 10)
            assert len(ready) == 1
            ready[0].accept()[0].close()
            return procnet.inode(ready[0])


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["ipv4", "dual-stack"])
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    made = Kernel(request.param)
    try:
        made.bind().close()
    except OSError as error:
        pytest.skip(f"no such addresses here: {error}")
    made.port = 0
    yield made
    for each in made.sockets.values():
        each.close()


def test_it_is_the_kernels_order_whoever_comes_and_goes(kernel: Kernel) -> None:
    group = Group()
    rng = random.Random(6)
    for _ in range(40):
        if len(group) < 2 or (len(group) < 6 and rng.random() < 0.5):
            group.join(kernel.listen(kernel.bind()))
        else:
            inode = rng.choice(list(group))
            group.leave(inode)
            kernel.sockets.pop(inode).close()
        assert kernel.order() == list(group)


def test_it_is_the_order_of_listening_not_of_binding(kernel: Kernel) -> None:
    bound = [kernel.bind() for _ in range(3)]
    inodes = [kernel.listen(bound[at]) for at in (2, 0, 1)]
    assert kernel.order() == inodes


def test_to_listen_again_changes_nothing(kernel: Kernel) -> None:
    inodes = [kernel.listen(kernel.bind()) for _ in range(3)]
    kernel.sockets[inodes[0]].listen(10)
    # As a worker does with the descriptor that it has inherited.
    with kernel.sockets[inodes[1]].dup() as inherited:
        inherited.listen(10)
    assert kernel.order() == inodes


def test_a_descriptor_elsewhere_keeps_it_in_the_group_until_shutdown(kernel: Kernel) -> None:
    first, second, third = (kernel.listen(kernel.bind()) for _ in range(3))
    with kernel.sockets[first].dup() as inherited:
        kernel.sockets[first].close()
        kernel.sockets[first] = inherited
        assert kernel.order() == [first, second, third]
        del kernel.sockets[first]
        inherited.shutdown(socket.SHUT_RDWR)
        assert kernel.order() == [third, second]
