"""The servicer over a real server on a UNIX socket: answers, and each refusal's status."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import msgspec
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tercet.compute import service, tensors
from tercet.compute.pool import Pool
from tercet.compute.v1 import compute_pb2, compute_pb2_grpc
from tercet.compute.v1.compute_pb2 import (
    Blur,
    Fill,
    Gain,
    ImageOperation,
    Input,
    ProcessImageRequest,
    RunRequest,
    Tensor,
    Value,
)
from tercet.rpc import server
from tests.unit.compute.images.files import encoded, picture

Stub = compute_pb2_grpc.ComputeStub
FOREVER = RunRequest(
    kernel="fibonacci", parameters={"n": Value(integer=50), "tasks": Value(integer=1024)}
)
SMALL = RunRequest(kernel="fibonacci", parameters={"n": Value(integer=10)})


async def served(folder: Path, **options: Any) -> AsyncIterator[Stub]:
    made = server()
    close = service.register(made, **options)
    address = f"unix:{folder}/s"
    made.add_insecure_port(address)
    await made.start()
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            yield Stub(channel)  # type: ignore[misc]
    finally:
        await made.stop(None)
        await close()


@pytest.fixture
async def stub(tmp_path: Path) -> AsyncIterator[Stub]:
    limits = {"max_fill_elements": 1000, "max_pixels": 3000, "memory_limit": 40_000}
    async for made in served(tmp_path, threads=2, queue_limit=4, **limits):
        yield made


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[Pool]:
    """The pools that `register` makes."""
    made: list[Pool] = []

    def make(threads: int, queue_limit: int) -> Pool:
        made.append(Pool(threads, queue_limit))
        return made[-1]

    monkeypatch.setattr(service, "Pool", make)
    return made


async def until(pool: Pool, count: str, value: int) -> None:
    while pool.statistics()[count] != value:  # noqa: ASYNC110 - a C thread sets no Event
        await asyncio.sleep(0.001)


def squares(**source: Any) -> RunRequest:
    return RunRequest(kernel="sum_of_squares", inputs={"values": Input(**source)})


async def test_the_listing(stub: Stub):
    answer = await stub.ListKernels(compute_pb2.ListKernelsRequest())
    assert answer.threads == 2
    assert [kernel.name for kernel in answer.kernels] == [
        "fibonacci",
        "random_sum",
        "sum_of_squares",
    ]


@pytest.mark.parametrize(("threads", "used"), [(0, 2), (1, 1), (2, 2), (99, 2)])
async def test_fibonacci(stub: Stub, threads: int, used: int):
    request = RunRequest(
        kernel="fibonacci",
        parameters={"n": Value(integer=20), "tasks": Value(integer=4)},
        threads=threads,
    )
    answer = await stub.Run(request)
    assert np.frombuffer(answer.outputs["values"].data, "<i8").tolist() == [6765] * 4
    assert (answer.timing.threads, answer.timing.tiles) == (used, 4)
    assert answer.timing.running.ToNanoseconds() > 0


@pytest.mark.parametrize("dtype", ["<f8", "<f4"])
async def test_sum_of_squares_of_a_tensor(stub: Stub, dtype: str):
    answer = await stub.Run(squares(tensor=tensors.to_proto(np.arange(5, dtype=dtype))))
    assert list(answer.outputs["sum"].shape) == []
    assert np.frombuffer(answer.outputs["sum"].data, "<f8").tolist() == [30.0]


async def test_random_sum_is_that_of_a_fill(stub: Stub):
    request = RunRequest(
        kernel="random_sum", parameters={"count": Value(integer=2), "seed": Value(integer=1234567)}
    )
    answer = await stub.Run(request)
    expected = sum((value >> 11) * 2.0**-53 for value in (6457827717110365317, 3203168211198807973))
    assert np.frombuffer(answer.outputs["sum"].data, "<f8").tolist() == [expected]


async def test_an_image(stub: Stub):
    gain = ImageOperation(gain=Gain(red=1, green=1, blue=1))
    answer = await stub.ProcessImage(
        ProcessImageRequest(image=encoded(picture(), "JPEG"), operations=[gain])
    )
    assert (answer.format, answer.width, answer.height) == (1, 60, 40)
    assert len(answer.timings) == 1


NAN = {"n": Value(real=math.nan)}
RUN_REFUSALS = [
    (RunRequest(kernel="sort"), "NOT_FOUND", "UNKNOWN_KERNEL", "kernel"),
    (RunRequest(kernel="fibonacci"), "INVALID_ARGUMENT", "MISSING_PARAMETER", "parameters.n"),
    (
        RunRequest(kernel="fibonacci", parameters=NAN),
        "INVALID_ARGUMENT",
        "WRONG_TYPE",
        "parameters.n",
    ),
    (
        RunRequest(kernel="fibonacci", parameters={"n": Value(integer=51)}),
        "INVALID_ARGUMENT",
        "OUT_OF_RANGE",
        "parameters.n",
    ),
    (
        RunRequest(kernel="fibonacci", parameters={"n": Value(integer=1)}, threads=-1),
        "INVALID_ARGUMENT",
        "OUT_OF_RANGE",
        "threads",
    ),
    (squares(), "INVALID_ARGUMENT", "MISSING_INPUT", "inputs.values"),
    (
        squares(tensor=tensors.to_proto(np.arange(3))),
        "INVALID_ARGUMENT",
        "WRONG_DTYPE",
        "inputs.values.tensor.dtype",
    ),
    (
        squares(tensor=tensors.to_proto(np.zeros((2, 2)))),
        "INVALID_ARGUMENT",
        "WRONG_SHAPE",
        "inputs.values.tensor.shape",
    ),
    (
        squares(tensor=Tensor(dtype=4, shape=[2], data=bytes(15))),  # type: ignore[arg-type]
        "INVALID_ARGUMENT",
        "WRONG_LENGTH",
        "inputs.values.tensor.data",
    ),
    (
        squares(fill=Fill(seed=1, n=1001)),
        "INVALID_ARGUMENT",
        "OUT_OF_RANGE",
        "inputs.values.fill.n",
    ),
]
SIGMA = [ImageOperation(blur=Blur(sigma=math.nan))]
IMAGE_REFUSALS = [
    (ProcessImageRequest(), "INVALID_ARGUMENT", "NOT_AN_IMAGE", "image"),
    (
        ProcessImageRequest(image=encoded(picture(), "JPEG")[:700]),
        "INVALID_ARGUMENT",
        "DAMAGED_IMAGE",
        "image",
    ),
    (
        ProcessImageRequest(image=encoded(picture(80, 40))),
        "RESOURCE_EXHAUSTED",
        "TOO_MANY_PIXELS",
        "",
    ),
    (
        ProcessImageRequest(image=encoded(picture(70, 40), "JPEG"), operations=[ImageOperation()]),
        "INVALID_ARGUMENT",
        "NO_OPERATION",
        "operations[0]",
    ),
    (
        ProcessImageRequest(image=encoded(picture()), operations=SIGMA),
        "INVALID_ARGUMENT",
        "NOT_FINITE",
        "operations[0].blur.sigma",
    ),
    (ProcessImageRequest(format=9), "INVALID_ARGUMENT", "UNKNOWN_FORMAT", "format"),  # type: ignore[arg-type]
    (ProcessImageRequest(image=encoded(picture(60, 50))), "OK", "", ""),
]


async def details(call: Any) -> tuple[str, str, str]:
    """Status code, ErrorInfo.reason and the field of BadRequest."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
        info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        for detail in status.details if status else []:
            detail.Unpack(info)
            detail.Unpack(request)
        # Of a deadline, which gRPC tells by itself, there is no reason.
        assert info.metadata["hint"] or not info.reason
        field = request.field_violations[0].field if request.field_violations else ""
        return error.code().name, info.reason, field
    return "OK", "", ""


@pytest.mark.parametrize(("request_", "code", "reason", "field"), RUN_REFUSALS)
async def test_refused_runs(stub: Stub, request_: RunRequest, code: str, reason: str, field: str):
    assert await details(stub.Run(request_)) == (code, reason, field)
    assert await details(stub.Run(SMALL)) == ("OK", "", "")


@pytest.mark.parametrize(("request_", "code", "reason", "field"), IMAGE_REFUSALS)
async def test_refused_images(
    stub: Stub, request_: ProcessImageRequest, code: str, reason: str, field: str
):
    assert await details(stub.ProcessImage(request_)) == (code, reason, field)


async def test_memory_is_refused_with_a_reason(tmp_path: Path):
    async for stub in served(tmp_path, threads=1, memory_limit=100):
        call = stub.Run(squares(fill=Fill(n=100)))
        assert await details(call) == ("RESOURCE_EXHAUSTED", "MEMORY_LIMIT", "")


# Whoever leaves while a job runs frees the only thread: else the last call never ends.


async def test_a_cancelled_call_stops_its_job(tmp_path: Path, pools: list[Pool]):
    async for stub in served(tmp_path, threads=1):
        call = asyncio.ensure_future(details(stub.Run(FOREVER)))
        await until(pools[0], "running", 1)
        call.cancel()
        assert await details(stub.Run(SMALL)) == ("OK", "", "")
        assert pools[0].statistics()["cancelled"] == 1


async def test_a_deadline_stops_its_job(tmp_path: Path):
    async for stub in served(tmp_path, threads=1):
        code, _, _ = await details(stub.Run(FOREVER, timeout=0.05))
        assert code == "DEADLINE_EXCEEDED"
        assert await details(stub.Run(SMALL)) == ("OK", "", "")


async def test_a_full_queue_answers_at_once_and_recovers(tmp_path: Path, pools: list[Pool]):
    async for stub in served(tmp_path, threads=1, queue_limit=1):
        running = asyncio.ensure_future(details(stub.Run(FOREVER)))
        await until(pools[0], "running", 1)
        waiting = asyncio.ensure_future(details(stub.Run(FOREVER)))
        await until(pools[0], "waiting", 1)
        for _ in range(3):
            full = ("RESOURCE_EXHAUSTED", "QUEUE_FULL", "")
            assert await details(stub.Run(SMALL)) == full
        waiting.cancel()
        running.cancel()
        await until(pools[0], "finished", 2)
        assert await details(stub.Run(SMALL)) == ("OK", "", "")


async def test_without_the_image_libraries_all_else_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "cv2", None)
    for name in [name for name in sys.modules if name.startswith("tercet.compute.images")]:
        monkeypatch.delitem(sys.modules, name)
    async for stub in served(tmp_path, threads=1):
        assert await details(stub.Run(SMALL)) == ("OK", "", "")
        call = stub.ProcessImage(ProcessImageRequest())
        with pytest.raises(grpc.aio.AioRpcError, match=r"pip install 'tercet\[image\]'"):
            await call
        assert await call.code() == grpc.StatusCode.FAILED_PRECONDITION


async def test_wrong_options_do_not_start():
    with pytest.raises(msgspec.ValidationError, match="threds"):
        service.register(server(), threds=2)
