from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import tercet
from tercet.client import CallError
from tercet.errors import TercetError
from tests.unit.client.fakes import Fakes, trailing


async def refused(client: tercet.Client, kernel: str) -> CallError:
    with pytest.raises(CallError) as caught:
        await client.compute.run(kernel)
    return caught.value


async def test_the_hint_is_apart_from_the_message(client: tercet.Client) -> None:
    error = await refused(client, "nothing")
    assert error.code is grpc.StatusCode.NOT_FOUND
    assert error.message == "there is no kernel 'nothing'"
    assert error.hint == "see ListKernels"
    assert error.reason == "NOT_FOUND"
    assert str(error) == "there is no kernel 'nothing'; see ListKernels"
    assert isinstance(error, TercetError)


async def test_the_field_at_fault_is_named(client: tercet.Client) -> None:
    error = await refused(client, "range")
    assert error.field == "parameters.n"
    assert error.metadata == {"n": "51"}
    assert repr(error) == (
        "CallError(INVALID_ARGUMENT, 'n is 51, not 0 to 50', reason='INVALID_ARGUMENT',"
        " field='parameters.n', metadata={'n': '51'})"
    )


async def test_a_retry_delay_is_in_seconds(client: tercet.Client) -> None:
    assert (await refused(client, "full")).retry_after == 0.25
    assert (await refused(client, "range")).retry_after is None


async def test_it_is_chained_from_grpcs_own(client: tercet.Client) -> None:
    error = await refused(client, "range")
    assert trailing(error).code() is error.code


async def test_it_is_frozen_but_can_still_be_raised_through_a_context_manager(
    client: tercet.Client,
) -> None:
    error = await refused(client, "range")
    with pytest.raises(AttributeError, match="message"):
        error.message = "other"
    with pytest.raises(TypeError):
        error.metadata["n"] = "52"  # type: ignore[index]

    @contextlib.contextmanager
    def passing() -> Iterator[None]:
        yield

    with pytest.raises(CallError), passing():
        raise error


async def test_nobody_there_says_where_and_what_to_do(tmp_path: Path) -> None:
    async with tercet.connect(f"unix:{tmp_path}/nobody") as client:
        with pytest.raises(CallError, match="no answer from unix:") as caught:
            await client.compute.run("echo")
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert "tercet up" in caught.value.hint


async def test_a_lost_listing_is_tried_again(client: tercet.Client, fakes: Fakes) -> None:
    fakes.compute.unavailable = 2
    await client.compute.list_kernels()
    assert len(fakes.compute.requests) == 3


async def test_a_lost_run_is_not(client: tercet.Client, fakes: Fakes) -> None:
    error = await refused(client, "unavailable")
    assert error.reason == "NOT_STARTED"
    assert len(fakes.compute.requests) == 1
