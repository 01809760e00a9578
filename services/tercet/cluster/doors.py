"""What the workers of a service are connected to by: listening sockets that they inherit.

`OwnDoors` are one socket for each slot on an address that the service shares; `Held` is an address
that workers bind by themselves, since the stock engine cannot take a socket over
(grpc/grpc#19133); `Few` are single sockets, the same for each of its workers.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Collection, Iterable, Sequence

from tercet.cluster.address import Bind
from tercet.cluster.listeners import Listeners
from tercet.cluster.ports import Reservation


class Doors:
    """Of a service that shares no address."""

    # Whether the first descriptor is the worker's private socket.
    private = False
    # The shared address, its port resolved; "" for none.
    shown = ""
    # The same, if workers are to bind it by themselves.
    to_bind = ""

    def add(self, slot: int) -> None:
        """Makes what one more slot needs, if it is not there."""

    def slots(self) -> set[int]:
        """Those that have a socket of their own there."""
        return set()

    def descriptors(self, slot: int) -> list[int]:
        """The sockets that the workers of a slot inherit and accept on."""
        return []

    def further(self, slot: int) -> list[int]:
        """Descriptors that they inherit beside those; the options of the service say what for."""
        return []

    def steer(self, away: Collection[int]) -> None:
        """Sends new connections to the slots that are not in `away`."""

    async def empty(self, slot: int) -> None:
        """Until a slot that was steered away from has no connection that nobody has accepted."""

    def strangers(self) -> list[str]:
        """Others who listen on its addresses, for people to read."""
        return []

    def remove(self, slot: int) -> None:
        """Closes what only that slot had."""

    def alone(self) -> None:
        """The workers of another supervisor, before this one or after it, accept no more."""

    def to_hand_over(self) -> Sequence[tuple[str, socket.socket]]:
        """The sockets of shared addresses for a supervisor after this one, in their order.

        Each with the address as it was asked for, where it is one of several; else with "".
        """
        return []

    def let_go(self) -> None:
        """They are somebody else's: from now on nothing is done to them but `close`."""

    def close(self) -> None: ...


class Held(Doors):
    def __init__(self, reservation: Reservation) -> None:
        self._reservation = reservation
        self.shown = self.to_bind = str(reservation.bind)

    def to_hand_over(self) -> Sequence[tuple[str, socket.socket]]:
        return [("", each) for each in self._reservation.sockets()]

    def close(self) -> None:
        self._reservation.close()


class OwnDoors(Doors):
    """
    Args:
        slots: How many have a socket there, or share one.
        shared: Whether the workers of a supervisor before this one accept there too.
    """

    def __init__(self, listeners: Listeners, slots: int, *, shared: bool = False) -> None:
        self.listeners = listeners
        self.shown = str(listeners.bind)
        self._slots = set(range(slots))
        self._away: set[int] = set()
        # Slots where others accept, whoever is there of ours.
        self._shared = set(self._slots) if shared else set()
        self._gone = False

    def add(self, slot: int) -> None:
        if slot not in self._slots:
            self.listeners.add(slot)
            self._slots.add(slot)
            # As the listeners have it.
            self._away.add(slot)

    def slots(self) -> set[int]:
        return set(self._slots)

    def descriptors(self, slot: int) -> list[int]:
        return [self.listeners.fileno(slot)]

    def steer(self, away: Collection[int]) -> None:
        wanted = (self._slots & set(away)) - self._shared
        if wanted != self._away and not self._gone:
            self._away = wanted
            self.listeners.steer(wanted)

    def alone(self) -> None:
        self._shared.clear()
        if not self._gone:
            self.listeners.steer(self._away)

    def to_hand_over(self) -> Sequence[tuple[str, socket.socket]]:
        return [("", each) for each in self.listeners.sockets().values()]

    def let_go(self) -> None:
        self._gone = True

    async def empty(self, slot: int) -> None:
        await self.listeners.empty(slot)

    def strangers(self) -> list[str]:
        return [] if self._gone else self.listeners.foreign()

    def remove(self, slot: int) -> None:
        # The last one goes when all are closed.
        if slot in self._slots and len(self._slots) > 1 and not self._gone:
            self._slots.discard(slot)
            self._away.discard(slot)
            self.listeners.remove(slot)

    def close(self) -> None:
        handed_over, self._gone = self._gone, True
        self.listeners.close(end=not handed_over)


class Few(Doors):
    """
    Args:
        private: The workers' private socket.
    """

    private = True

    def __init__(self, private: socket.socket) -> None:
        self._private = private
        self._others: dict[str, Listeners] = {}

    def want(
        self, addresses: Iterable[str], given: Callable[[str], Sequence[socket.socket]]
    ) -> dict[str, str]:
        """Opens the addresses that are not open; gives "fd:N" for each.

        Args:
            given: What has been handed over for an address.

        Raises:
            ConfigError: One cannot be had.
        """
        for address in addresses:
            if address and address not in self._others:
                self._others[address] = Listeners(Bind.parse(address), 1, inherited=given(address))
        return {
            address: f"fd:{self._others[address].fileno(0)}" if address else ""
            for address in addresses
        }

    def keep(self, addresses: Collection[str]) -> None:
        """Closes all but these, for the processes too that still have them."""
        for address in self._others.keys() - set(addresses):
            listeners = self._others.pop(address)
            for each in listeners.sockets().values():
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            listeners.close()

    def descriptor(self, address: str) -> int:
        """Of the socket that listens there."""
        return self._others[address].fileno(0)

    def bind_of(self, address: str) -> str:
        """The same with its port resolved."""
        return str(self._others[address].bind) if address else ""

    def descriptors(self, slot: int) -> list[int]:
        """
        Raises:
            OSError: The private socket has lost its name, and no other can be made.
        """
        name = self._private.getsockname()
        if not os.path.exists(name):
            # Nobody can connect to it. The process that there is goes on with it until it ends.
            lost, self._private = self._private, private_socket(f"unix:{name}")
            lost.close()
        return [self._private.fileno()]

    def further(self, slot: int) -> list[int]:
        return [each.fileno(0) for each in self._others.values()]

    def to_hand_over(self) -> Sequence[tuple[str, socket.socket]]:
        return [
            (address, each)
            for address, listeners in self._others.items()
            for each in listeners.sockets().values()
        ]

    def close(self) -> None:
        self._private.close()
        for listeners in self._others.values():
            listeners.close()
        self._others.clear()


class Some(Doors):
    """What those of one revision have of `Few`, which somebody else closes.

    Args:
        addresses: Those that they are to have, of which "" is none.
    """

    private = True

    def __init__(self, few: Few, addresses: Iterable[str]) -> None:
        self._few = few
        self._addresses = [each for each in addresses if each]

    def descriptors(self, slot: int) -> list[int]:
        return self._few.descriptors(slot)

    def further(self, slot: int) -> list[int]:
        return [self._few.descriptor(each) for each in self._addresses]

    def to_hand_over(self) -> Sequence[tuple[str, socket.socket]]:
        return self._few.to_hand_over()


def private_socket(address: str) -> socket.socket:
    """Listens on a UNIX socket of mode 0600.

    Args:
        address: "unix:PATH"; nothing is there.
    """
    made = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        made.bind(address.removeprefix("unix:"))
        made.listen(64)
    finally:
        os.umask(mask)
    return made
