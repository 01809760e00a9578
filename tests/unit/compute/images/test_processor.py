from __future__ import annotations

import asyncio
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from tercet.compute.config import ComputeConfig
from tercet.compute.images.processor import BYTES_PER_PIXEL, Processor
from tercet.compute.memory import Memory
from tercet.compute.pool import Pool
from tercet.compute.v1 import compute_pb2
from tercet.compute.v1.compute_pb2 import Blur, Gain, ImageOperation, ProcessImageRequest
from tercet.errors import InvalidArgument, ResourceExhausted
from tests.unit.compute.blocker import Blocker
from tests.unit.compute.images.files import encoded, picture

PIXELS = 40 * 60


def processor(pool: Pool, memory: Memory | None = None, **limits: int) -> Processor:
    return Processor(pool, memory or Memory(1 << 30), ComputeConfig(**limits))


async def test_operations_are_applied_in_order(pool: Pool):
    operations = [
        ImageOperation(gain=Gain(red=3, green=1, blue=0)),
        ImageOperation(blur=Blur(sigma=2)),
    ]
    answer = await processor(pool).process(
        ProcessImageRequest(image=encoded(picture()), operations=operations)
    )
    scaled = np.minimum(picture().astype(int) * [3, 1, 0], 255).astype(np.uint8)
    result = np.array(Image.open(io.BytesIO(answer.image)))
    np.testing.assert_array_equal(result, cv2.GaussianBlur(scaled, (0, 0), 2))
    assert (answer.width, answer.height) == (60, 40)
    assert answer.format == compute_pb2.IMAGE_FORMAT_PNG
    assert [timing.tiles for timing in answer.timings] == [1, 1]
    assert all(timing.running.ToNanoseconds() > 0 for timing in answer.timings)


@pytest.mark.parametrize("given", ["JPEG", "PNG"])
@pytest.mark.parametrize("asked", [0, 1, 2])
async def test_the_format_is_the_one_asked_for_or_the_input_s(pool: Pool, given: str, asked: int):
    request = ProcessImageRequest(image=encoded(picture(), given), format=asked)  # type: ignore[arg-type]
    answer = await processor(pool).process(request)
    expected = asked or {"JPEG": 1, "PNG": 2}[given]
    assert answer.format == expected
    assert Image.open(io.BytesIO(answer.image)).format == {1: "JPEG", 2: "PNG"}[expected]


async def test_an_unknown_format_is_refused(pool: Pool):
    with pytest.raises(InvalidArgument) as refused:
        await processor(pool).process(ProcessImageRequest(image=b"", format=7))  # type: ignore[arg-type]
    assert refused.value.field == "format"


async def test_too_many_pixels_are_refused_before_decoding(pool: Pool):
    # Truncated too, but nobody looks so far.
    request = ProcessImageRequest(image=encoded(picture())[:100])
    with pytest.raises(ResourceExhausted, match="60 x 40 pixels") as refused:
        await processor(pool, max_pixels=PIXELS - 1).process(request)
    assert refused.value.reason == "TOO_MANY_PIXELS" and refused.value.retry_after is None


async def test_a_result_too_large_for_a_message_is_refused(pool: Pool):
    request = ProcessImageRequest(image=encoded(picture()))
    with pytest.raises(ResourceExhausted, match="ask for JPEG") as refused:
        await processor(pool, max_encoded_bytes=100).process(request)
    assert refused.value.reason == "ANSWER_TOO_LARGE"


async def test_memory_is_held_while_it_works_and_given_back(pool: Pool):
    need = PIXELS * BYTES_PER_PIXEL
    request = ProcessImageRequest(image=encoded(picture()))
    memory = Memory(need)
    await processor(pool, memory).process(request)
    with memory.holding(1), pytest.raises(ResourceExhausted):
        await processor(pool, memory).process(request)
    assert memory.held == 0


async def test_codecs_run_on_the_pool(pool: Pool):
    async with Blocker(pool):
        request = ProcessImageRequest(image=encoded(picture()))
        task = asyncio.create_task(processor(pool).process(request))
        await asyncio.sleep(0)
        assert pool.statistics()["waiting"] == 1
    await task
