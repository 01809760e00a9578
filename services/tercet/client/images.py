"""The operations of ProcessImage, and its answer."""

from __future__ import annotations

import dataclasses

from tercet.client.results import Timing, from_timing
from tercet.compute.v1 import compute_pb2
from tercet.errors import InvalidArgument

FORMATS = {"jpeg": compute_pb2.IMAGE_FORMAT_JPEG, "png": compute_pb2.IMAGE_FORMAT_PNG}
_NAMES = {number: name for name, number in FORMATS.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class Gain:
    """Multiplies each colour channel by a factor of 0 to 255, and saturates at 255."""

    red: float = 1.0
    green: float = 1.0
    blue: float = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Blur:
    """Gaussian blur; `sigma` is in pixels, more than 0 and at most 100."""

    sigma: float


Operation = Gain | Blur


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """An encoded image.

    Attributes:
        data: The file's bytes.
        format: "jpeg" or "png".
        width: In pixels.
        height: In pixels.
        timings: Time of each operation, in the order of the request.
    """

    data: bytes = dataclasses.field(repr=False)
    format: str
    width: int
    height: int
    timings: tuple[Timing, ...]


def to_operation(operation: Operation) -> compute_pb2.ImageOperation:
    if isinstance(operation, Gain):
        gain = compute_pb2.Gain(red=operation.red, green=operation.green, blue=operation.blue)
        return compute_pb2.ImageOperation(gain=gain)
    return compute_pb2.ImageOperation(blur=compute_pb2.Blur(sigma=operation.sigma))


def to_format(name: str | None) -> compute_pb2.ImageFormat:
    if name is None:
        return compute_pb2.IMAGE_FORMAT_UNSPECIFIED
    if name not in FORMATS:
        raise InvalidArgument(
            f"there is no image format {name!r}",
            hint=f"the formats are: {', '.join(FORMATS)}",
            field="format",
        )
    return FORMATS[name]


def from_response(response: compute_pb2.ProcessImageResponse) -> Image:
    return Image(
        data=response.image,
        format=_NAMES.get(response.format, "unknown"),
        width=response.width,
        height=response.height,
        timings=tuple(map(from_timing, response.timings)),
    )
