"""A connection to an endpoint, as asyncio knows it."""

from __future__ import annotations

import asyncio

from tercet.gateway._subchannel import Exchange


class Subchannel(Exchange, asyncio.BufferedProtocol):
    """`_subchannel.Exchange`; an extension class cannot derive from a class of Python's."""

    __slots__ = ()
