"""A binary upgrade as the supervisor that comes sees it.

It has been started by the one that it is to follow (successor.py), with a link to it and with its
sockets. It starts a mesh of its own on them, says that all of it serves, and is handed over what
there is one of: then it writes the pid file and speaks to systemd.

If the old one is killed before that, there is nobody else to serve: it goes on alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Mapping, MutableMapping

import msgspec

from tercet.cluster.handed import Handed
from tercet.cluster.link import Link
from tercet.cluster.messages import Failed, HandedOver, Message, Ready, Stop
from tercet.errors import ConfigError

log = logging.getLogger("tercet")

VARIABLE = "TERCET_TAKEOVER"


class HandedDescriptor(msgspec.Struct, frozen=True, array_like=True):
    """One `Handed`, by number."""

    name: str
    fd: int


class TakeoverSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What VARIABLE says, as JSON."""

    # The successor's end of the link.
    link: int
    sockets: list[HandedDescriptor]
    # Workers that services have been given by an operator: by name, those in the configuration of
    # then, and those that they have.
    scaled: dict[str, tuple[int, int]] = {}
    # The file that names the old one, which is to be taken over rather than refused; "" for none.
    pid_file: str


class Takeover:
    """One that is under way. Made before there is a loop, `begin` on it.

    Args:
        end: Our end of the link.
        given: The sockets of the old one.
        pid_file: Its pid file; "" for none.
        scaled: See `TakeoverSpec`.
    """

    def __init__(
        self,
        end: socket.socket,
        given: list[Handed],
        pid_file: str,
        scaled: Mapping[str, tuple[int, int]] = {},
    ) -> None:
        self.given = given
        self.scaled = scaled
        self.pid_file = pid_file
        self._end = end
        self._link: Link | None = None
        self._stop: Callable[[float], None] = lambda grace: None
        self._told_to_stop = False
        self._handed_over = asyncio.Event()

    @classmethod
    def received(cls, environ: MutableMapping[str, str]) -> Takeover | None:
        """The one that this process was started for, if it was.

        Args:
            environ: Where VARIABLE is, and is taken from.

        Raises:
            ConfigError: What it says is not there.
        """
        text = environ.pop(VARIABLE, "")
        if not text:
            return None
        try:
            spec = msgspec.json.decode(text, type=TakeoverSpec)
            end = _adopted(spec.link)
            given = [Handed(one.name, _adopted(one.fd)) for one in spec.sockets]
        except (msgspec.MsgspecError, OSError) as error:
            raise ConfigError(
                f"{VARIABLE} does not say what a supervisor says: {error}",
                hint="it is set by a supervisor for its successor alone: unset it",
            ) from error
        return cls(end, given, spec.pid_file, spec.scaled)

    def begin(self, stop: Callable[[float], None]) -> None:
        """Listens to the old one, on the running loop.

        Args:
            stop: Called when both are to end, with the seconds of grace.
        """
        self._stop = stop
        self._link = Link(self._end, on_message=self._heard, on_close=self._alone)

    def failed(self, cause: str) -> None:
        """Says why this one is about to end."""
        if self._link:
            self._link.send(Failed(cause))
        elif self._end.fileno() >= 0:
            # Nobody waits here for a peer that does not read.
            self._end.setblocking(False)
            with contextlib.suppress(OSError):
                self._end.send(msgspec.json.encode(Failed(cause)) + b"\n")

    async def ready(self) -> None:
        """Says that the whole mesh serves, and returns when it is ours."""
        if self._link:
            self._link.send(Ready())
        await self._handed_over.wait()

    def close(self) -> None:
        if self._link:
            self._link.close()
        else:
            self._end.close()

    def _heard(self, message: Message) -> None:
        if isinstance(message, HandedOver):
            self._handed_over.set()
        elif isinstance(message, Stop):
            self._told_to_stop = True
            self._stop(message.grace)

    def _alone(self) -> None:
        if not self._told_to_stop and not self._handed_over.is_set():
            log.warning("the supervisor that was to hand over the mesh is gone: going on without")
            self._handed_over.set()


def _adopted(descriptor: int) -> socket.socket:
    made = socket.socket(fileno=descriptor)
    # Workers get theirs by number, and nobody else gets any.
    made.set_inheritable(False)
    return made
