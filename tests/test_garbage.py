"""A leaked connection that another thread collects as garbage."""

import asyncio
import gc
import threading

import asyncpg
import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.conftest import Service


@pytest.mark.filterwarnings("ignore:The garbage collector")
async def test_is_ended_by_the_thread_of_its_event_loop(
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
        session.info["itself"] = session  # garbage, but for the collector

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
