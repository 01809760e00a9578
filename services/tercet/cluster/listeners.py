"""The listening sockets of one address, one per slot, and which of them get new connections.

They belong to the supervisor. The worker in a slot inherits the slot's socket and accepts on it,
and so does its successor: connections that were queued when a worker died wait for the next one.

To close a listening socket resets what is in its queue, and handshakes under way (kernel
documentation of net.ipv4.tcp_migrate_req). So a socket is closed in this order: `steer` new
connections to the others; `empty`, while its worker accepts what is left; `remove`.

The program that steers (`tercet.cluster.steering`) names sockets by their index in the kernel's
group, whose order `tercet.cluster.group` follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import time
from collections.abc import Collection, Sequence

from tercet.cluster import adopted, procnet, steering
from tercet.cluster.address import Bind
from tercet.cluster.binding import bound, explained, reachable, refuse_foreign_listener
from tercet.cluster.group import Group
from tercet.errors import ConfigError

log = logging.getLogger("tercet")

# The kernel lowers it to net.core.somaxconn, of which it is the default.
BACKLOG = 4096

# Seconds from steering away until no connection is on its way to a socket any more. The socket is
# chosen by the first packet, and the connection is queued there by the last of the handshake, a
# round trip later; one lost packet is sent again after 1 s (RFC 6298, section 2).
LINGER = 1.5

# Seconds from one look at a queue to the next.
LOOK = 0.01

# Where `struct tcp_info` has tcpi_unacked, which for a socket that listens is the length of its
# queue (net/ipv4/tcp.c, tcp_get_info): after eight bytes and four words.
QUEUE_LENGTH = struct.Struct("=24xI")


class Listeners:
    """Owns the sockets. Of the supervisor's thread alone.

    Guarantees, where the kernel lets programs be attached:
    * a slot that is away gets no new connection, unless all are;
    * no connection is given to a socket that is being removed;
    * a program of somebody else that binds the same address later gets none. (One that binds a more
      special address, such as 127.0.0.1 beside 0.0.0.0, does get that address's: the kernel prefers
      it. `foreign` names both.)
    """

    def __init__(self, bind: Bind, slots: int, *, inherited: Sequence[socket.socket] = ()) -> None:
        """
        Args:
            bind: Where to listen. With inherited sockets, theirs is the address.
            slots: How many slots there are: numbers 0 to slots - 1.
            inherited: Sockets that listen already, of systemd or of a supervisor before this one,
                in the order of their group (`sockets`). They are the first slots'; more are bound
                beside them, or shared where that cannot be. Those beyond the slots get no new
                connections, and wait for `add`.

        Raises:
            ConfigError: The address is in use or cannot be bound here, somebody else listens there
                too, or what is inherited does not listen on one TCP address.
        """
        self.bind = bind
        self._sockets: dict[int, socket.socket] = {}
        # Kept open for a slot that comes later, and never live until then.
        self._spare: list[socket.socket] = []
        # Ours, and those of others.
        self._group = Group()
        self._away: set[int] = set()
        # By inode, since when the program has left it out.
        self._left_out: dict[int, float] = {}
        self._inherited = bool(inherited)
        self._steers = True
        self._v6only = False
        try:
            if inherited:
                self._adopt(adopted.distinct(inherited), slots)
            else:
                self._bind_first()
            for slot in range(len(self._sockets), slots):
                self._sockets[slot] = self._another(slot)
        except BaseException:
            for made in self._own():
                if made not in inherited:
                    made.close()
            raise
        self._attach()

    def _bind_first(self) -> None:
        self.bind = reachable(self.bind)
        try:
            refuse_foreign_listener(self.bind)
            self._sockets[0] = first = bound(self.bind)
            self.bind = adopted.address(first)
            self._listen(first)
        except OSError as error:
            raise explained(self.bind, error) from error

    def _adopt(self, inherited: dict[int, socket.socket], slots: int) -> None:
        first = next(iter(inherited.values()))
        self.bind = adopted.address(first)
        self._v6only = adopted.is_v6only(first)
        # Those without the option are in no group, and there is nothing to choose from.
        self._steers = all(map(adopted.may_have_others_beside, inherited.values()))
        for number, given in enumerate(inherited.values()):
            given.set_inheritable(False)
            if number < slots:
                self._sockets[number] = given
            else:
                self._spare.append(given)
        strangers = self.foreign()
        if strangers:
            raise ConfigError(
                f"somebody else listens on {self.bind} too: {'; '.join(strangers)}",
                hint="stop the other server, or choose another port",
                reason="PORT_IN_USE",
            )
        for given in inherited.values():
            self._listen(given)

    def fileno(self, slot: int) -> int:
        """Of the socket that the slot's worker is to inherit."""
        return self._sockets[slot].fileno()

    def add(self, slot: int) -> None:
        """Makes a socket for one slot more, which is away until the next `steer`.

        Raises:
            ConfigError: No further socket can be bound.
        """
        if slot in self._sockets:
            raise ValueError(f"slot {slot} has a socket")
        made = self._spare.pop() if self._spare else self._another(slot)
        self._sockets[slot] = made
        # Nobody accepts there yet.
        self._away.add(slot)
        self._attach()

    def steer(self, away: Collection[int]) -> None:
        """From now on, new connections go to the sockets of the slots that are not away.

        They go to all if all are away, and by the kernel's hash where no program can be attached.
        """
        self._away = set(away) & self._sockets.keys()
        self._attach()

    def waiting(self, slot: int) -> int:
        """Connections in the slot's queue, which no worker has accepted."""
        info = self._sockets[slot].getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, QUEUE_LENGTH.size
        )
        (length,) = QUEUE_LENGTH.unpack(info)
        return int(length)

    async def empty(self, slot: int) -> None:
        """Waits until nothing is in the slot's queue or on its way to it.

        To be called when the slot is away, and while a worker accepts there. It does not end
        before that: put a limit to it.
        """
        called = time.monotonic()
        while slot in self._sockets:
            since = self._left_out.get(procnet.inode(self._sockets[slot]), called)
            if time.monotonic() - since >= LINGER and not self.waiting(slot):
                return
            await asyncio.sleep(LOOK)

    def remove(self, slot: int) -> None:
        """Closes the slot's socket, in workers that still have it too; it should be `empty`.

        No connection is lost or goes astray meanwhile: first the program leaves out this socket
        and the last of the group, then this one is closed and the last moves into its place, then
        the program is made for the new order. So each program is right for the order before and
        after: what it may return does not change its meaning. Where the last is the only live one
        that cannot be, and the socket is not closed but kept for the next `add`.

        Raises:
            ValueError: It is the only slot.
        """
        if self._sockets.keys() == {slot}:
            raise ValueError(f"slot {slot} is the only one: close instead")
        if self._steers:
            self._regard_others()
        gone = self._sockets.pop(slot)
        self._away.discard(slot)
        if gone not in self._sockets.values():
            if not self._may_close(gone):
                self._spare.append(gone)
            else:
                self._load(self._live() - {self._group.last} or self._live())
                self._group.leave(procnet.inode(gone))
                # Now, whoever else has it open: else it would stay in the group.
                with contextlib.suppress(OSError):
                    gone.shutdown(socket.SHUT_RDWR)
                gone.close()
        self._attach()

    def _may_close(self, gone: socket.socket) -> bool:
        """Whether the live ones can be named so that it holds before and after."""
        if not self._steers or procnet.inode(gone) == self._group.last:
            return True
        # Of two, the one that remains is taken whatever the program says.
        return self._live() != {self._group.last} or len(self._group) == 2

    def foreign(self) -> list[str]:
        """Those who listen on this address too and are not ours, for people to read."""
        own = {procnet.inode(made) for made in self._own()}
        return [
            procnet.described(other)
            for other in procnet.listeners(self.bind.port)
            if other.inode not in own and self._overlaps(other.bind)
        ]

    def sockets(self) -> dict[int, socket.socket]:
        """The sockets in the order of their group, to be handed over in that order.

        By slot; those that belong to none have numbers after all slots. One that several slots
        share is there once. Whoever hands them over must from then on neither steer, add nor
        remove, only `close`.
        """
        numbers: dict[int, int] = {}
        for slot, made in self._sockets.items():
            numbers.setdefault(procnet.inode(made), slot)
        for number, made in enumerate(self._spare, max(self._sockets) + 1):
            numbers[procnet.inode(made)] = number
        own = {procnet.inode(made): made for made in self._own()}
        return {numbers[inode]: own[inode] for inode in self._group if inode in own}

    def close(self, *, end: bool = False) -> None:
        """Closes our descriptors; processes that inherited theirs still listen.

        Args:
            end: Whether nobody is to listen there any more, whoever has kept a descriptor, such as
                a program that a worker has left behind. Those that were inherited are not ours to
                end.
        """
        for made in self._own():
            if end and not self._inherited:
                with contextlib.suppress(OSError):
                    made.shutdown(socket.SHUT_RDWR)
            made.close()
        self._sockets.clear()
        self._spare.clear()

    def _own(self) -> list[socket.socket]:
        return [*self._sockets.values(), *self._spare]

    def _another(self, slot: int) -> socket.socket:
        made = None
        try:
            made = bound(self.bind, v6only=self._v6only)
            self._listen(made)
        except OSError as error:
            if made:
                made.close()
            if not self._inherited:
                raise explained(self.bind, error) from error
            # Those inherited lack SO_REUSEPORT, or are of another user: no other goes beside them.
            shared = list(self._sockets.values())
            return shared[slot % len(shared)]
        return made

    def _listen(self, made: socket.socket) -> None:
        self._regard_others()
        made.setblocking(False)
        made.listen(BACKLOG)
        # Connections have it from here: without it, those that a killed mesh leaves in TIME_WAIT
        # would keep the next one from the port (see `refuse_foreign_listener`).
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._group.join(procnet.inode(made))

    def _live(self) -> set[int]:
        """Inodes of the sockets that new connections are to go to."""
        chosen = self._sockets.keys() - self._away or self._sockets.keys()
        return {procnet.inode(self._sockets[slot]) for slot in chosen}

    def _attach(self) -> None:
        if self._steers:
            self._regard_others()
            self._load(self._live())

    def _load(self, live: set[int]) -> None:
        """Attaches the program that chooses among these, by the order as we know it."""
        if not self._steers:
            return
        indices = self._group.indices(live)
        try:
            steering.attach(next(iter(self._sockets.values())), steering.program(indices))
        except OSError as error:
            self._steers = False
            self._left_out.clear()
            log.warning(
                "connections to %s cannot be steered (%s): the kernel spreads them over all "
                "workers, and those that a worker has not yet accepted are reset when it goes",
                self.bind,
                error,
            )
            # Connections would wait there for nobody.
            for spare in self._spare:
                spare.close()
            self._spare.clear()
            return
        now = time.monotonic()
        self._left_out = {
            inode: self._left_out.get(inode, now) for inode in self._group if inode not in live
        }

    def _regard_others(self) -> None:
        """Brings the group up to date with others' sockets that came and went."""
        own = {procnet.inode(made) for made in self._own()}
        there = self._listening()
        if self._group.missing({*own, *there}):
            # The table may have been changed while it was read.
            there += self._listening()
            for inode in self._group.missing({*own, *there}):
                self._group.leave(inode)
        for inode in dict.fromkeys(there):
            if inode not in own and inode not in self._group:
                self._group.join(inode)

    def _listening(self) -> list[int]:
        return [it.inode for it in procnet.listeners(self.bind.port) if it.bind == self.bind]

    def _overlaps(self, other: Bind) -> bool:
        """Whether connections to our address might be for it."""
        if self.bind.host == "::" and not self._v6only:
            return True
        # Of an IPv6 socket it is unknown whether it takes IPv4, and the kernel prefers ours.
        if self.bind.is_ipv6 != other.is_ipv6:
            return False
        wildcard = "::" if self.bind.is_ipv6 else "0.0.0.0"
        return wildcard in (self.bind.host, other.host) or self.bind.host == other.host
