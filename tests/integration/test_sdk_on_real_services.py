"""The SDK and the command line against the real compute and executor services, without a mesh."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest

import tercet
from tercet import rpc
from tercet.client import CallError, Fill, Stdout
from tercet.compute import service as compute
from tercet.executor import service as executor

PHOTOGRAPH = Path(__file__).parents[2] / "examples/media/astronaut.jpg"


@pytest.fixture(params=sorted(rpc.ENGINES))
async def client(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[tercet.Client]:
    server = rpc.server(engine=request.param)
    closers = []
    for register, options in (
        (compute.register, {"threads": 2}),
        (executor.register, {"media_root": str(tmp_path)}),
    ):
        registered = register(server, **options)
        closers.append(await registered if inspect.isawaitable(registered) else registered)
    address = f"unix:{tmp_path}/s"
    server.add_insecure_port(address)
    await server.start()
    async with tercet.connect(address) as connected:
        yield connected
    await server.stop(None)
    for close in closers:
        await close()


async def test_kernels_take_arrays_and_fills(client: tercet.Client) -> None:
    values = np.linspace(-1, 1, 1001)
    assert (await client.compute.sum_of_squares(values=values)).value == pytest.approx(
        np.dot(values, values)
    )
    one = await client.compute.sum_of_squares(values=Fill(seed=1, n=100_000), threads=1)
    two = await client.compute.sum_of_squares(values=Fill(seed=1, n=100_000), threads=2)
    assert one.value == two.value
    assert (one.timing.threads, two.timing.threads) == (1, 2)


async def test_every_listed_kernel_refuses_a_call_without_what_it_requires(
    client: tercet.Client,
) -> None:
    for kernel in (await client.compute.list_kernels()).kernels:
        required = {f"inputs.{port.name}" for port in kernel.inputs} | {
            f"parameters.{given.name}" for given in kernel.parameters if given.default is None
        }
        with pytest.raises(CallError) as caught:
            await client.compute.run(kernel.name)
        assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
        assert caught.value.field in required


async def test_a_photograph_is_brightened(client: tercet.Client) -> None:
    image = await client.compute.image(
        PHOTOGRAPH.read_bytes(), gain=(1.2, 1.1, 0.9), blur=2.0, format="png"
    )
    assert (image.format, image.width, image.height) == ("png", 512, 512)
    assert image.data.startswith(b"\x89PNG")
    assert len(image.timings) == 2


async def test_a_pipeline_of_real_programs(client: tercet.Client) -> None:
    done = await client.executor.pipe([("ps", {"style": "aux"}), ("head", {"lines": 1})])
    assert done.stdout.startswith(b"USER")
    assert done.ok


async def test_a_program_digests_what_is_written_to_it(client: tercet.Client) -> None:
    sent = os.urandom(3_000_000)

    async def feed() -> None:
        await run.write(sent)
        await run.close_stdin()

    async with client.executor.spawn("sha256sum") as run, asyncio.TaskGroup() as tasks:
        tasks.create_task(feed())
        out = b"".join([event.data async for event in run if isinstance(event, Stdout)])
    assert out.split()[0].decode() == hashlib.sha256(sent).hexdigest()
    assert run.outcome is not None
    assert run.outcome.ok


async def test_the_command_line_passes_bytes_through(client: tercet.Client) -> None:
    sent = os.urandom(1_000_000)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from tercet.cli import main; main()"),
        *("exec", "run", "cat", "--stdin", "--address", client.address),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(sent)
    assert (process.returncode, out) == (0, sent)
