"""A WebSocket is watched and chosen by flag as any request is."""

import logging
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import ConnectionClosedError

from app.flags import Flags
from app.lesson import Variant
from app.lessons.provider import Provider
from app.settings import Settings
from tests.conftest import Service, until


@pytest.fixture(params=["before", "after"])
def variant(request: pytest.FixtureRequest) -> Variant:
    """Each side in turn."""
    chosen: Variant = request.param
    return chosen


@pytest.fixture
def settings(settings: Settings, variant: Variant) -> Settings:
    """The flag selects the variant, and the pool timeout is short."""
    Flags(settings.flags_file).write({"websocket": variant})
    return settings.model_copy(update={"pool_timeout": 0.2})


async def test_a_flag_chooses_who_answers(
    service: Service, variant: Variant
) -> None:
    await service.client.put("/lab/provider", json={"answers": False})

    async with service.socket("/orders/live") as socket:
        await socket.send('{"order_id": 1}')
        await until(lambda: one_waits(service))
        borrowers = [
            loan.borrower and loan.borrower.name for loan in service.loans
        ]

        await service.client.put("/lab/provider", json={"answers": True})
        await socket.recv()

    expected = {"before": ["WEBSOCKET /before/orders/live"], "after": []}
    assert borrowers == expected[variant]


async def one_waits(service: Service) -> bool:
    answer = await service.client.get("/lab/provider")
    return bool(answer.json() == {"waiting": 1})


@pytest.mark.parametrize(
    "question",
    ["", "{", "1", b"\0", '{"order_id": 0}', '{"order_id": "one"}'],
)
async def test_what_is_no_question_ends_the_conversation(
    service: Service, question: str | bytes
) -> None:
    async with service.socket("/orders/live") as socket:
        await socket.send('{"order_id": 1}')
        await socket.recv()
        await socket.send(question)

        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1007
    assert "order_id" in closed.value.rcvd.reason
    await service.at_rest()
    assert not service.loans


async def test_an_error_in_the_conversation_closes_it_with_a_code(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Provider, "PATIENCE", 0.01)
    await service.client.put("/lab/provider", json={"answers": False})

    assert await code_after_a_question(service) == 1011


async def test_an_empty_pool_closes_it_and_says_to_try_again(
    service: Service,
) -> None:
    engine = service.database.engine
    book = service.database.ledger.books["engine"]
    async with AsyncExitStack() as stack:
        for _ in range(book.gauge.capacity() or 0):
            await stack.enter_async_context(engine.connect())

        assert await code_after_a_question(service) == 1013


async def test_a_client_that_leaves_before_its_answer_costs_no_trace(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    await service.client.put("/lab/provider", json={"answers": False})
    async with service.socket("/orders/live") as socket:
        await socket.send('{"order_id": 1}')
        await until(lambda: one_waits(service))

    await service.client.put("/lab/provider", json={"answers": True})
    await service.at_rest()

    lines = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert not lines


async def code_after_a_question(service: Service) -> int:
    """Request an order, and return the code with which the server closes."""
    async with service.socket("/orders/live") as socket:
        await socket.send('{"order_id": 1}')
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code
