"""A task that is not awaited may hold a connection after its request."""

import asyncio

import pytest

from app.lessons.fire_and_forget.shared import TASKS
from app.lessons.provider import Provider
from tests.conftest import Service, until


async def ship_with_a_silent_warehouse(service: Service, path: str) -> None:
    await service.client.put("/lab/provider", json={"answers": False})
    answer = await service.client.post(path)
    await service.at_rest()
    assert answer.status_code == 202


async def test_its_loan_is_leaked_until_it_ends(service: Service) -> None:
    await ship_with_a_silent_warehouse(service, "/before/orders/1/shipment")
    [loan] = service.loans
    assert loan.leaked

    await service.client.put("/lab/provider", json={"answers": True})

    await until(lambda: not service.loans)


async def test_a_reset_cancels_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = asyncio.Event()

    async def never_answer(_: Provider) -> None:
        called.set()
        await asyncio.Event().wait()  # a reset lets the provider respond

    monkeypatch.setattr(Provider, "call", never_answer)
    await service.client.post("/before/orders/1/shipment")
    await service.at_rest()
    await until(called.is_set)
    [task] = TASKS

    freed = await service.client.post("/lab/reset")

    await until(task.done)
    assert task.cancelled()
    assert freed.json()["loans_freed"] == 1
    assert not service.loans


async def test_a_task_that_gets_values_holds_no_connection(
    service: Service,
) -> None:
    await ship_with_a_silent_warehouse(service, "/after/orders/1/shipment")

    assert not service.loans
