from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import tercet
from tercet.client import CallError
from tercet.client.errors import call_error
from tercet.errors import TercetError
from tests.unit.client.fakes import Fakes, trailing


def status(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    """A status as gRPC itself makes it, without rich details."""
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=details)


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


@pytest.mark.parametrize(
    "details",
    [
        "Stream removed (Socket closed)",
        "recvmsg:Connection reset by peer",
        "GOAWAY received; Error code: 2",
    ],
)
def test_a_call_that_was_cut_off_does_not_send_one_to_look_for_a_server(details: str) -> None:
    error = call_error(status(grpc.StatusCode.UNAVAILABLE, details), "somewhere:1")
    assert error.message == f"the call to somewhere:1 was cut off: {details}"
    assert "tried again" in error.hint
    assert "tercet up" not in error.hint


def test_a_reset_connection_attempt_is_no_answer() -> None:
    details = "failed to connect to all addresses; last error: recvmsg:Connection reset by peer"
    error = call_error(status(grpc.StatusCode.UNAVAILABLE, details), "somewhere:1")
    assert error.message.startswith("no answer from somewhere:1")


async def test_a_message_that_the_server_finds_too_large_names_the_limits(fakes: Fakes) -> None:
    async with tercet.connect(fakes.address, max_send_bytes=1 << 30) as client:
        with pytest.raises(CallError, match="larger than max") as caught:
            await client.executor.run("head", stdin=bytes(5 << 20))
    assert caught.value.reason == "MESSAGE_TOO_LARGE"
    assert "max_message_bytes of the service and of the gateway" in caught.value.hint


async def test_a_lost_listing_is_tried_again(client: tercet.Client, fakes: Fakes) -> None:
    fakes.compute.unavailable = 2
    await client.compute.list_kernels()
    assert len(fakes.compute.requests) == 3


async def test_a_lost_run_is_not(client: tercet.Client, fakes: Fakes) -> None:
    error = await refused(client, "unavailable")
    assert error.reason == "NOT_STARTED"
    assert len(fakes.compute.requests) == 1
