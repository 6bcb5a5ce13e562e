"""What comes back, or goes on, while leaks are taken back, is not touched."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

import poolwatch
from poolwatch import Ledger, Reporter
from poolwatch.reclaim import reclaim_leaks
from tests.poolwatch.conftest import Server, only


@pytest.fixture
async def pool(server: Server, ledger: Ledger) -> AsyncIterator[asyncpg.Pool]:
    """A pool that lends one connection at a time."""
    pool = await asyncpg.create_pool(server.dsn, min_size=0, max_size=1)
    poolwatch.watch(pool, "orders", ledger)
    yield pool
    pool.terminate()


async def test_what_is_lent_anew_while_a_connection_opens_is_not_touched(
    pool: asyncpg.Pool,
    ledger: Ledger,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect = asyncpg.connection.connect

    async def lend_anew(dsn: str, **_: object) -> asyncpg.Connection:
        await pool.release(leaked)
        borrowed.append(await pool.acquire(timeout=10))
        return await connect(dsn)

    borrowed: list[Any] = []
    with ledger.borrower("request"):
        leaked = await pool.acquire(timeout=10)
    with ledger.borrower("another"):
        monkeypatch.setattr(asyncpg.connection, "connect", lend_anew)
        assert await reclaim_leaks(ledger, server.dsn, after=0) == 0
        assert await borrowed[0].fetchval("SELECT 1") == 1


@pytest.mark.parametrize("look", [1, 2])
async def test_what_is_lent_anew_while_the_server_is_asked_is_not_touched(
    pool: asyncpg.Pool,
    ledger: Ledger,
    own: asyncpg.Connection,
    look: int,
) -> None:
    async def lend_anew(query: str, *args: object) -> list[asyncpg.Record]:
        asked.append(query)
        if len(asked) == look:
            await pool.release(leaked)
            borrowed.append(await pool.acquire(timeout=10))
        return await own.fetch(query, *args)

    asked: list[object] = []
    borrowed: list[Any] = []
    with ledger.borrower("request"):
        leaked = await pool.acquire(timeout=10)
    with ledger.borrower("another"):
        await reclaim_leaks(ledger, lend_anew, after=0)
        assert await borrowed[0].fetchval("SELECT 1") == 1
        assert not only(ledger).being_reclaimed


async def test_a_leak_that_is_in_use_is_left_for_the_next_call(
    pool: asyncpg.Pool, ledger: Ledger, own: asyncpg.Connection
) -> None:
    async def use_it(query: str, *args: object) -> list[asyncpg.Record]:
        rows = await own.fetch(query, *args)
        await leaked.execute("SELECT 1")
        return rows

    with ledger.borrower("request"):
        leaked = await pool.acquire(timeout=10)
    assert await reclaim_leaks(ledger, use_it, after=0) == 0
    assert await leaked.fetchval("SELECT 1") == 1
    assert await reclaim_leaks(ledger, own.fetch, after=0) == 1


@pytest.mark.parametrize("look", [1, 2])
async def test_a_leak_that_could_not_be_ended_is_healed_by_its_own_code(
    pool: asyncpg.Pool,
    ledger: Ledger,
    reporter: Reporter,
    own: asyncpg.Connection,
    look: int,
) -> None:
    async def be_away(query: str, *args: object) -> list[asyncpg.Record]:
        asked.append(query)
        if len(asked) == look:
            raise ConnectionRefusedError
        return await own.fetch(query, *args)

    asked: list[object] = []
    with ledger.borrower("request"):
        leaked = await pool.acquire(timeout=10)
    with pytest.raises(ConnectionRefusedError):
        await reclaim_leaks(ledger, be_away, after=0)
    await pool.release(leaked)
    assert reporter.recent[-1].healed_by == "its own code"
