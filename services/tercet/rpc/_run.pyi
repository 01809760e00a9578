"""Runs the handler of a call, whatever its style, and gives the call its end."""

import logging
from typing import Any

from tercet.rpc._call import Call
from tercet.rpc._method import Dynamic, Method

log: logging.Logger

async def run(call: Call, handler: Method | Dynamic) -> None: ...
async def resolved(call: Call, dynamic: Dynamic) -> Method | None: ...
async def stream(call: Call, method: Method, answered: Any) -> None: ...
