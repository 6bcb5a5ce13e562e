"""Leaked connections that the garbage collector returns, or does not."""

import asyncio
import gc
import threading

import asyncpg
import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from app.settings import Settings
from tests.conftest import Service, running
from tests.garbage import ignored_warnings

REQUESTS = 40
"""More than the pool of 20 + 10 has connections."""


@pytest.mark.filterwarnings("ignore:The garbage collector")
async def test_a_leak_is_ended_by_the_thread_of_its_event_loop(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()
    threads: list[threading.Thread] = []
    terminate = asyncpg.Connection.terminate

    def noted(connection: asyncpg.Connection) -> None:
        threads.append(threading.current_thread())
        terminate(connection)
        ended.set()

    async def leak() -> None:
        session = AsyncSession(service.database.engine)
        await session.exec(text("SELECT 1"))  # type: ignore[call-overload]
        session.info["itself"] = (
            session  # a cycle: only the garbage collector frees it
        )

    gc.disable()
    try:
        await leak()
        monkeypatch.setattr(asyncpg.Connection, "terminate", noted)
        await asyncio.to_thread(gc.collect)
        async with asyncio.timeout(10):
            await ended.wait()
    finally:
        gc.enable()
    assert threads == [threading.current_thread()]


@pytest.mark.parametrize(
    ("thresholds", "least", "most"),
    [
        pytest.param((700, 10, 10), 31, REQUESTS, id="Python's own"),
        pytest.param((50_000, 20, 100), 30, 30, id="raised"),
    ],
)
@pytest.mark.filterwarnings("ignore:The garbage collector")
async def test_raised_thresholds_empty_the_pool_and_a_freeze_alone_does_not(
    settings: Settings,
    thresholds: tuple[int, int, int],
    least: int,
    most: int,
) -> None:
    """docs/workshop/orders.md states this. Requests are sent one by one."""
    large = settings.model_copy(
        update={"pool_buffer": 17, "pool_timeout": 0.1}
    )
    before = gc.get_threshold()
    async with running(large) as service:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*thresholds)
        served = 0
        try:
            while served < REQUESTS:
                answer = await service.client.get("/before/orders/1")
                if answer.status_code == 503:
                    break
                served += 1
        finally:
            gc.set_threshold(*before)
            gc.unfreeze()
            with ignored_warnings():
                gc.collect()
    assert least <= served <= most
