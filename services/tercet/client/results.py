"""What a kernel gives back."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy.typing as npt

from tercet.client.tensors import from_tensor
from tercet.compute.v1 import compute_pb2


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """Where the time of a job went.

    Attributes:
        queued: Seconds from submission until the first thread began.
        running: Seconds from then until the last tile was done.
        threads: Threads that the job was allowed to use.
        tiles: Tiles into which the job was cut.
    """

    queued: float
    running: float
    threads: int
    tiles: int


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """The outputs of a kernel.

    Attributes:
        outputs: Arrays by name, read-only.
        timing: Time spent in the kernel; making a `Fill` is not included.
    """

    outputs: dict[str, npt.NDArray[Any]]
    timing: Timing

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.outputs[name]

    @property
    def value(self) -> Any:
        """The only output: a Python number if it has one element, else its array.

        Raises:
            ValueError: There are several outputs.
        """
        if len(self.outputs) != 1:
            raise ValueError(f"several outputs, name one of: {', '.join(self.outputs)}")
        (array,) = self.outputs.values()
        return array.item() if array.size == 1 else array


def from_timing(timing: compute_pb2.Timing) -> Timing:
    return Timing(
        queued=timing.queued.ToNanoseconds() / 1e9,
        running=timing.running.ToNanoseconds() / 1e9,
        threads=timing.threads,
        tiles=timing.tiles,
    )


def from_response(response: compute_pb2.RunResponse) -> Result:
    outputs = {name: from_tensor(tensor) for name, tensor in sorted(response.outputs.items())}
    return Result(outputs, from_timing(response.timing))
