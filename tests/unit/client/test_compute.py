from __future__ import annotations

import asyncio
import copy
from typing import Any

import grpc
import numpy as np
import pytest

import tercet
from tercet.client import Blur, CallError, Fill, Gain
from tercet.compute.v1 import compute_pb2
from tercet.errors import InvalidArgument
from tests.unit.client.fakes import Fakes


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (0,), (2, 0, 3)])
async def test_arrays_come_back_as_they_went(
    client: tercet.Client, dtype: Any, shape: tuple[int, ...]
) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    result = await client.compute.echo(values=array)
    assert result["values"].dtype == dtype
    assert result["values"].shape == shape
    np.testing.assert_array_equal(result["values"], array)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(10.0)[::-2],
        np.arange(6.0).reshape(2, 3).T,
        np.arange(5, dtype=">f8"),
        [1.5, 2.5],
    ],
)
async def test_any_layout_and_byte_order_is_sent_in_the_contracts(
    client: tercet.Client, array: Any
) -> None:
    result = await client.compute.echo(values=array)
    np.testing.assert_array_equal(result["values"], array)


async def test_outputs_are_read_only_views(client: tercet.Client) -> None:
    result = await client.compute.echo(values=[1.0])
    assert not result["values"].flags.writeable


async def test_numbers_are_parameters_and_keep_their_kind(
    client: tercet.Client, fakes: Fakes
) -> None:
    await client.compute.echo(a=3, b=3.0, c=np.int32(4), d=np.float32(0.5), threads=2)
    (request,) = fakes.compute.requests
    kinds = {name: value.WhichOneof("kind") for name, value in request.parameters.items()}
    assert kinds == {"a": "integer", "b": "real", "c": "integer", "d": "real"}
    assert request.parameters["c"].integer == 4
    assert request.parameters["d"].real == 0.5
    assert request.threads == 2


async def test_a_fill_is_made_by_the_server(client: tercet.Client, fakes: Fakes) -> None:
    await client.compute.echo(values=Fill(seed=2**64 - 1, n=10_000_000))
    (request,) = fakes.compute.requests
    assert request.inputs["values"].fill == compute_pb2.Fill(seed=2**64 - 1, n=10_000_000)


async def test_a_name_of_runs_own_goes_through_the_mapping(
    client: tercet.Client, fakes: Fakes
) -> None:
    await client.compute.run("echo", {"threads": 7, "timeout": 1.5}, threads=1)
    (request,) = fakes.compute.requests
    assert request.parameters["threads"].integer == 7
    assert request.parameters["timeout"].real == 1.5
    assert request.threads == 1


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (True, "inputs.x"),
        ("text", "inputs.x"),
        (np.arange(3, dtype=np.int32), "inputs.x"),
        ([[1.0], [1.0, 2.0]], "inputs.x"),
        (2**63, "parameters.x"),
        (Fill(seed=-1, n=1), "inputs.x"),
        (Fill(seed=1.5, n=1), "inputs.x"),  # type: ignore[arg-type]
    ],
)
async def test_what_the_contract_cannot_carry_is_refused_here(
    client: tercet.Client, fakes: Fakes, value: Any, field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await client.compute.run("echo", x=value)
    assert caught.value.field == field
    assert not fakes.compute.requests


async def test_an_array_over_the_servers_limit_is_refused_before_it_is_sent(
    client: tercet.Client, fakes: Fakes
) -> None:
    with pytest.raises(InvalidArgument, match="Fill") as caught:
        await client.compute.echo(values=np.zeros(600_000))
    assert caught.value.reason == "MESSAGE_TOO_LARGE"
    assert caught.value.field == "inputs.values"
    with pytest.raises(InvalidArgument) as caught:
        # Each fits, both do not.
        await client.compute.echo(a=np.zeros(300_000), b=np.zeros(300_000))
    assert caught.value.reason == "MESSAGE_TOO_LARGE"
    assert not fakes.compute.requests


async def test_the_limit_is_the_callers_to_raise(fakes: Fakes) -> None:
    async with tercet.connect(fakes.address, max_send_bytes=1 << 30) as client:
        with pytest.raises(CallError) as caught:
            await client.compute.echo(values=np.zeros(600_000))
    # The server of the test still has its own.
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_value_is_the_only_output(client: tercet.Client) -> None:
    assert (await client.compute.echo(x=np.array(2.5))).value == 2.5
    assert (await client.compute.echo(x=np.array([2.5]))).value == 2.5
    np.testing.assert_array_equal((await client.compute.echo(x=[1, 2])).value, [1, 2])
    with pytest.raises(ValueError, match="name one of: a, b"):
        _ = (await client.compute.two()).value


async def test_timing_is_in_seconds(client: tercet.Client) -> None:
    timing = (await client.compute.echo()).timing
    assert (timing.queued, timing.running, timing.threads, timing.tiles) == (0.001, 2.5, 2, 64)


async def test_kernels_are_listed_in_plain_values(client: tercet.Client) -> None:
    listed = await client.compute.list_kernels()
    (kernel,) = listed.kernels
    n, factor = kernel.parameters
    assert listed.threads == 2
    # A default of 0 is a default; no default is None.
    assert (n.type, n.minimum, n.maximum, n.default) == ("integer", 0, 50, 0)
    assert (factor.type, factor.minimum, factor.maximum, factor.default) == ("real", -2.5, 10, None)
    assert kernel.inputs[0].dtypes == ("float64",)


async def test_cancelling_the_await_stops_the_job(client: tercet.Client, fakes: Fakes) -> None:
    task = asyncio.ensure_future(client.compute.wait())
    assert await asyncio.to_thread(fakes.compute.started.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(fakes.compute.cancelled.wait, 10)


async def test_a_deadline_stops_the_job(client: tercet.Client, fakes: Fakes) -> None:
    with pytest.raises(CallError) as caught:
        await client.compute.run("wait", timeout=0.05)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert await asyncio.to_thread(fakes.compute.cancelled.wait, 10)


async def test_image_operations_are_in_order(client: tercet.Client, fakes: Fakes) -> None:
    image = await client.compute.image(b"abc", gain=(1.2, 1.1, 0.9), blur=2.0, format="png")
    await client.compute.image(b"abc", [Blur(1), Gain(red=2), Blur(3)])
    short, explicit = fakes.compute.requests
    steps = [step.WhichOneof("operation") for step in short.operations]
    assert steps == ["gain", "blur"]
    assert (short.operations[0].gain.green, short.operations[1].blur.sigma) == (1.1, 2.0)
    steps = [step.WhichOneof("operation") for step in explicit.operations]
    assert steps == ["blur", "gain", "blur"]
    assert explicit.operations[1].gain.blue == 1.0
    assert (image.data, image.format, image.width, image.height) == (b"cba", "png", 4, 3)
    assert len(image.timings) == 2


async def test_an_unknown_image_format_is_refused_here(client: tercet.Client) -> None:
    with pytest.raises(InvalidArgument, match="jpeg, png"):
        await client.compute.image(b"", format="gif")


async def test_introspection_finds_no_kernel_of_that_name(client: tercet.Client) -> None:
    assert not hasattr(client.compute, "_repr_html_")
    assert not hasattr(copy.copy(client.compute), "__deepcopy__")
