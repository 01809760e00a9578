"""One image's way through the pool: header, decode, steps, encode."""

from __future__ import annotations

from tercet.compute.config import ComputeConfig
from tercet.compute.images import codec
from tercet.compute.images.codec import Format, Source
from tercet.compute.images.steps import steps
from tercet.compute.memory import Memory
from tercet.compute.pool import Pool
from tercet.compute.timing import timing
from tercet.compute.v1 import compute_pb2
from tercet.errors import InvalidArgument, ResourceExhausted

# At the peak Pillow holds two copies of 4 bytes and a mask of 1 (turning, flattening); later there
# are one of these and two of ours of 3.
BYTES_PER_PIXEL = 12

FORMATS: dict[int, Format] = {
    compute_pb2.IMAGE_FORMAT_JPEG: "JPEG",
    compute_pb2.IMAGE_FORMAT_PNG: "PNG",
}
ENUM = {name: number for number, name in FORMATS.items()}


class Processor:
    """Processes images within the limits of the configuration."""

    def __init__(self, pool: Pool, memory: Memory, config: ComputeConfig) -> None:
        self._pool = pool
        self._memory = memory
        self._config = config

    async def process(
        self, request: compute_pb2.ProcessImageRequest
    ) -> compute_pb2.ProcessImageResponse:
        """Decodes, applies the operations in order, encodes.

        Raises:
            InvalidArgument: See the contract.
            ResourceExhausted: Too many pixels, too large an answer, no memory or a full queue.
        """
        kind = _format(request.format)
        todo = steps(request.operations, self._pool.threads)
        source = await self._pool.call(codec.open_header, request.image)
        self._check_pixels(source)
        timings = []
        with self._memory.holding(source.size * BYTES_PER_PIXEL):
            pixels = await self._pool.call(codec.decode, source)
            for step in todo:
                job, pixels = step(pixels)
                await self._pool.run(job)
                timings.append(timing(job))
            kind = kind or source.format
            encoded = await self._pool.call(codec.encode, pixels, kind, source.icc_profile)
        self._check_encoded(encoded, kind)
        return compute_pb2.ProcessImageResponse(
            image=encoded,
            format=ENUM[kind],  # type: ignore[arg-type]
            width=pixels.shape[1],
            height=pixels.shape[0],
            timings=timings,
        )

    def _check_pixels(self, source: Source) -> None:
        limit = self._config.max_pixels
        if source.size > limit:
            raise ResourceExhausted(
                f"the image has {source.image.width} x {source.image.height} pixels",
                hint=f"send at most {limit} pixels, or raise compute.max_pixels",
                reason="TOO_MANY_PIXELS",
                retry_after=None,
            )

    def _check_encoded(self, encoded: bytes, kind: Format) -> None:
        limit = self._config.max_encoded_bytes
        if len(encoded) > limit:
            raise ResourceExhausted(
                f"the result has {len(encoded)} bytes as {kind}, and an answer may have {limit}",
                hint="ask for JPEG, send a smaller image, or raise compute.max_encoded_bytes",
                reason="ANSWER_TOO_LARGE",
                retry_after=None,
            )


def _format(number: int) -> Format | None:
    """The encoding asked for; None: that of the input."""
    if number == compute_pb2.IMAGE_FORMAT_UNSPECIFIED:
        return None
    if number not in FORMATS:
        raise InvalidArgument(
            f"there is no image format {number}",
            field="format",
            hint="leave it unset, or set IMAGE_FORMAT_JPEG or IMAGE_FORMAT_PNG",
            reason="UNKNOWN_FORMAT",
        )
    return FORMATS[number]
