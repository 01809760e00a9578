"""The Python SDK: one object per service, NumPy in and out.

    async with tercet.connect("localhost:50050") as client:
        result = await client.compute.sum_of_squares(values=numpy.arange(1e6))
        listing = await client.executor.pipe(["ps", ("head", {"lines": 10})])

`connect_sync` gives the same calls to code that runs no event loop.
"""

from tercet.client.client import Client, connect
from tercet.client.errors import CallError, ProgramFailed
from tercet.client.events import Event, Progress, Stderr, Stdout
from tercet.client.images import Blur, Gain, Image
from tercet.client.kernels import Kernel, Kernels, Parameter, Port
from tercet.client.outcome import Completed, Outcome, StageResult
from tercet.client.programs import Argument, Program
from tercet.client.results import Result, Timing
from tercet.client.spawned import Spawned
from tercet.client.sync import SyncClient, connect_sync
from tercet.client.tensors import Fill

__all__ = [
    "Argument",
    "Blur",
    "CallError",
    "Client",
    "Completed",
    "Event",
    "Fill",
    "Gain",
    "Image",
    "Kernel",
    "Kernels",
    "Outcome",
    "Parameter",
    "Port",
    "Program",
    "ProgramFailed",
    "Progress",
    "Result",
    "Spawned",
    "StageResult",
    "Stderr",
    "Stdout",
    "SyncClient",
    "Timing",
    "connect",
    "connect_sync",
]
