"""The connection as asyncio knows it."""

from __future__ import annotations

import asyncio

from tercet.rpc._protocol import Exchange


class Protocol(Exchange, asyncio.BufferedProtocol):
    """`_protocol.Exchange`; an extension class cannot derive from a class of Python's."""

    __slots__ = ()
