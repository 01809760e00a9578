"""Orders, and the answers that find who gave them."""

from __future__ import annotations

import asyncio

import pytest

from tercet import errors
from tercet.cluster.control import orders
from tercet.cluster.control.orders import Orders
from tercet.cluster.messages import Done, Message, Order, OrderKind
from tests.support import eventually


async def given(sent: list[Order], desk: Orders, kind: OrderKind) -> asyncio.Task[None]:
    count = len(sent)
    task = asyncio.create_task(desk.give(kind, service="shop"))
    await eventually(lambda: len(sent) > count)
    return task


async def test_each_caller_gets_the_answer_to_its_own_order() -> None:
    sent: list[Order] = []
    desk = Orders(sent.append)
    scale = await given(sent, desk, OrderKind.SCALE)
    kill = await given(sent, desk, OrderKind.KILL)
    assert [order.kind for order in sent] == [OrderKind.SCALE, OrderKind.KILL]
    desk.done(Done(number=sent[1].number))
    await kill
    assert not scale.done()
    desk.done(Done(number=sent[0].number, error="no", reason="SCALE_FAILED"))
    with pytest.raises(errors.FailedPrecondition):
        await scale


def test_a_successor_does_not_take_answers_to_its_predecessor_for_its_own() -> None:
    numbers = {Orders(lambda order: None)._number for _ in range(20)}
    assert len(numbers) == 20


async def test_a_caller_that_goes_away_takes_nothing_back_and_leaves_nothing() -> None:
    sent: list[Message] = []
    desk = Orders(sent.append)
    task = asyncio.create_task(desk.give(OrderKind.RELOAD))
    await eventually(lambda: bool(sent))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(sent) == 1
    assert not desk._waiting
    order = sent[0]
    assert isinstance(order, Order)
    desk.done(Done(number=order.number, error="too late", reason="RELOAD_FAILED"))


@pytest.mark.parametrize(
    ("reason", "kind", "field"),
    [
        ("NO_SERVICE", errors.NotFound, "service"),
        ("NO_WORKER", errors.NotFound, "slot"),
        ("BAD_COUNT", errors.InvalidArgument, "workers"),
        ("RELOAD_FAILED", errors.FailedPrecondition, ""),
        ("SCALE_FAILED", errors.FailedPrecondition, ""),
        ("RECYCLE_FAILED", errors.FailedPrecondition, ""),
        ("STOPPING", errors.Unavailable, ""),
        ("WHO_KNOWS", errors.TercetError, ""),
    ],
)
async def test_a_refusal_has_the_status_of_its_reason(
    reason: str, kind: type[errors.TercetError], field: str
) -> None:
    def refuse(order: Order) -> None:
        loop.call_soon(desk.done, Done(number=order.number, error="no", reason=reason, text="hm"))

    loop = asyncio.get_running_loop()
    desk = Orders(refuse)
    with pytest.raises(errors.TercetError) as raised:
        await desk.give(OrderKind.RELOAD)
    error = raised.value
    assert type(error) is kind
    assert (error.message, error.hint, error.reason, error.field) == ("no", "hm", reason, field)


async def test_a_stop_takes_no_more_and_waits_for_answers() -> None:
    sent: list[Order] = []
    desk = Orders(sent.append)
    reload = await given(sent, desk, OrderKind.RELOAD)
    desk.shut_down(30)
    with pytest.raises(errors.Unavailable, match="not ordered"):
        await desk.give(OrderKind.RELOAD)
    assert not reload.done()
    desk.done(Done(number=sent[0].number))
    await reload
    assert len(sent) == 1


async def test_who_waits_for_too_long_then_is_told_that_nothing_is_known() -> None:
    sent: list[Order] = []
    desk = Orders(sent.append)
    waiting = await given(sent, desk, OrderKind.SCALE)
    desk.shut_down(0)
    with pytest.raises(errors.Unavailable, match="not known") as raised:
        await waiting
    assert raised.value.reason == "STOPPING"


@pytest.mark.parametrize("count", [0, -1, 1025])
def test_no_service_can_have_so_many_workers(count: int) -> None:
    with pytest.raises(errors.InvalidArgument) as raised:
        orders.checked_workers(count)
    assert (raised.value.reason, raised.value.field) == ("BAD_COUNT", "workers")


def test_what_can_be_is_taken() -> None:
    assert [orders.checked_workers(count) for count in (1, 1024)] == [1, 1024]
    assert orders.checked_slot(0) == 0
    assert orders.checked_generation(0) == 0
    assert orders.checked_service("shop") == "shop"


@pytest.mark.parametrize("name", ["", "Shop", "shop\n", "x" * 32, "\1" * 3_000_000])
def test_what_no_service_can_be_called_goes_no_further(name: str) -> None:
    with pytest.raises(errors.InvalidArgument) as raised:
        orders.checked_service(name)
    assert raised.value.field == "service"
    assert len(raised.value.message) < 200
