"""Why a pool runs dry: five causes, each produced for real."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

import poolwatch
from poolwatch import (
    Book,
    Ledger,
    PoolExhausted,
    Verdict,
    Watchdog,
    diagnose,
    explain,
)
from poolwatch.activity import QUERY, Activity, by_pid
from tests.poolwatch.conftest import Server, until_async


@pytest.fixture
async def pool(server: Server) -> AsyncIterator[asyncpg.Pool]:
    pool = await asyncpg.create_pool(server.dsn, min_size=0, max_size=4)
    yield pool
    pool.terminate()


@pytest.fixture
def book(pool: asyncpg.Pool, ledger: Ledger) -> Book:
    return poolwatch.watch(pool, "orders", ledger)


async def activity(server: Server, book: Book) -> dict[int, Activity]:
    """Look at the holders over a connection of its own."""
    connection = await asyncpg.connect(server.dsn)
    try:
        pids = [loan.pid for loan in book.loans.values()]
        rows = await connection.fetch(QUERY, pids)
        return by_pid([dict(row) for row in rows])
    finally:
        await connection.close()


def test_nobody_has_reason_to_wait(book: Book) -> None:
    assert diagnose(book) is None
    assert explain(book) == "0 of 4 checked out"


async def test_a_leak(
    pool: asyncpg.Pool, book: Book, ledger: Ledger, server: Server
) -> None:
    async def list_orders() -> None:
        with ledger.borrower("GET /orders"):
            await pool.acquire()

    for _ in range(3):
        await list_orders()
    async with pool.acquire():
        verdict = diagnose(book, activity=await activity(server, book))
        assert verdict is not None
        assert verdict.cause == "leak"
        assert "3 of 4 loans outlived their borrower" in verdict.because
        assert "list_orders" in verdict.because
        assert "return the connection on every path" in str(verdict)
        told = explain(book)
        assert told.startswith(
            "4 of 4 checked out: 3 × tests/poolwatch/test_verdic"
        )
        assert "list_orders, leaked, oldest 0 s; 1 × tests/" in told


async def test_a_long_hold(
    pool: asyncpg.Pool,
    book: Book,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def call_a_slow_service() -> None:
        async with pool.acquire():
            await slow.wait()

    monkeypatch.setattr(sys.modules["poolwatch.verdict"], "LONG", 0.05)
    slow = asyncio.Event()
    holders = [asyncio.create_task(call_a_slow_service()) for _ in range(4)]
    verdict = await _found(book, server, "long hold")
    assert "call_a_slow_service" in verdict.because
    slow.set()
    await asyncio.wait(holders)


async def test_an_undersized_pool(
    pool: asyncpg.Pool, book: Book, server: Server
) -> None:
    async def list_orders() -> None:
        while not enough.is_set():
            await pool.execute("SELECT pg_sleep(0.01)")

    enough = asyncio.Event()
    callers = [asyncio.create_task(list_orders()) for _ in range(16)]
    await until_async(lambda: book.waiting >= 10)
    verdict = await _found(book, server, "undersized pool")
    assert " wait while 4 loans with a median age of 0." in verdict.because
    enough.set()
    await asyncio.wait(callers)


async def test_a_lock_wait(
    pool: asyncpg.Pool, book: Book, server: Server
) -> None:
    async def update_stock() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(42)")
            await slow.wait()

    slow = asyncio.Event()
    writers = [asyncio.create_task(update_stock()) for _ in range(4)]
    verdict = await _found(book, server, "lock wait")
    assert "of 4 holders wait for a lock" in verdict.because
    assert "update_stock" in verdict.because
    seen = await activity(server, book)
    assert any(holder.blocks for holder in seen.values())
    slow.set()
    await asyncio.wait(writers)


@pytest.mark.parametrize("holders", [4, 0], ids=["full", "free"])
async def test_a_blocked_event_loop(
    pool: asyncpg.Pool, book: Book, ledger: Ledger, holders: int
) -> None:
    loop = asyncio.get_running_loop()
    held = [await pool.acquire() for _ in range(holders)]
    verdicts: list[Verdict | None] = []

    def look(watchdog: Watchdog) -> None:
        while watchdog.lag < 0.3:
            time.sleep(0.001)
        verdicts.append(diagnose(book, watchdog.lag))
        done.append(True)

    async def block() -> None:
        while not done:
            time.sleep(0.01)  # noqa: ASYNC251 - that is the fault

    done: list[bool] = []
    with Watchdog(ledger, interval=0.001, loop=loop) as watchdog:
        assert diagnose(book, watchdog.lag) is None or holders
        looking = asyncio.create_task(asyncio.to_thread(look, watchdog))
        await asyncio.sleep(0)
        await block()
        await looking
        await until_async(lambda: watchdog.lag < 0.25)
    (verdict,) = verdicts
    assert verdict is not None
    assert verdict.cause == "blocked event loop"
    assert len(book.loans) == len(held)


def test_a_watchdog_outlives_its_loop(ledger: Ledger) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    watchdog = Watchdog(ledger, loop=loop)
    watchdog.look()
    watchdog.look()
    assert watchdog.lag == 0


async def test_a_watchdog_with_a_fetch_tells_of_a_lock_wait(
    pool: asyncpg.Pool, book: Book, ledger: Ledger, own: asyncpg.Connection
) -> None:
    async def update_stock() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(43)")
            await slow.wait()

    slow = asyncio.Event()
    writers = [asyncio.create_task(update_stock()) for _ in range(4)]
    await until_async(lambda: len(book.loans) == 4)
    unread = diagnose(book)
    assert unread is not None
    assert unread.cause == "undersized pool or lock wait"
    assert "pg_stat_activity" in str(unread)
    loop = asyncio.get_running_loop()
    with Watchdog(ledger, interval=0.001, loop=loop, fetch=own.fetch):
        await until_async(lambda: _cause(book) == "lock wait")
        with pytest.raises(PoolExhausted, match="3 of them wait for a lock"):
            await pool.acquire(timeout=0.01)
    slow.set()
    await asyncio.wait(writers)


async def test_what_the_server_said_a_while_ago_counts_no_more(
    pool: asyncpg.Pool, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pool.acquire():
        book.activity = {}
        assert book.activity == {}
        monkeypatch.setattr(sys.modules["poolwatch.book"], "FRESH", 0)
        assert book.activity is None


async def _found(book: Book, server: Server, cause: str) -> Verdict:
    """Wait for the verdict to settle: holders come one by one."""
    async with asyncio.timeout(20):
        while True:
            verdict = diagnose(book, activity=await activity(server, book))
            if verdict is not None and verdict.cause == cause:
                return verdict


def _cause(book: Book) -> str | None:
    verdict = diagnose(book)
    return verdict.cause if verdict is not None else None
