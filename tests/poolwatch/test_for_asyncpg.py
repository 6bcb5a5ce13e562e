"""An asyncpg pool: each way in which a loan begins and ends."""

import asyncio
import gc
from collections.abc import AsyncIterator

import asyncpg
import pytest

import poolwatch
from poolwatch import Book, Ledger
from tests.conftest import until


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await asyncpg.create_pool(database_url, min_size=1, max_size=2)
    yield pool
    pool.terminate()


@pytest.fixture
def book(pool: asyncpg.Pool) -> Book:
    return poolwatch.watch(pool, "shop", Ledger())


async def test_a_loan_ends_when_it_is_released(
    pool: asyncpg.Pool, book: Book
) -> None:
    async with pool.acquire():
        assert len(book.loans) == 1
    assert not book.loans


async def test_a_shortcut_of_the_pool_is_a_loan_as_well(
    pool: asyncpg.Pool, book: Book
) -> None:
    await pool.fetchval("SELECT 1")

    assert book.returned == 1
    assert not book.loans


async def test_a_loan_knows_its_backend_and_its_line(
    pool: asyncpg.Pool, book: Book
) -> None:
    async with pool.acquire() as connection:
        [loan] = book.loans.values()
        assert loan.pid == connection.get_server_pid()
        assert loan.site
        assert loan.site.file == __file__
        assert loan.site.function == (
            "test_a_loan_knows_its_backend_and_its_line"
        )


async def test_a_loan_ends_when_the_connection_is_closed(
    pool: asyncpg.Pool, book: Book
) -> None:
    connection = await pool.acquire()

    await connection.close()

    await until(lambda: not book.loans)


async def test_a_loan_ends_when_the_connection_is_terminated(
    pool: asyncpg.Pool, book: Book
) -> None:
    connection = await pool.acquire()

    connection.terminate()

    await until(lambda: not book.loans)


async def test_a_loan_ends_when_the_server_ends_the_backend(
    pool: asyncpg.Pool, book: Book, database_url: str
) -> None:
    connection = await pool.acquire()
    other = await asyncpg.connect(database_url)

    await other.execute(
        "SELECT pg_terminate_backend($1)", connection.get_server_pid()
    )

    await until(lambda: not book.loans)
    await other.close()


async def test_a_loan_ends_when_its_task_is_cancelled(
    pool: asyncpg.Pool, book: Book
) -> None:
    async def work() -> None:
        async with pool.acquire():
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await until(lambda: len(book.loans) == 1)
    task.cancel()

    await asyncio.wait([task])
    assert not book.loans


async def test_a_loan_never_released_stays_open(
    pool: asyncpg.Pool, book: Book
) -> None:
    await pool.acquire()
    gc.collect()

    assert len(book.loans) == book.gauge.lent() == 1


async def test_an_exhausted_pool_raises_poolwatchs_error(
    pool: asyncpg.Pool, book: Book
) -> None:
    async with pool.acquire(), pool.acquire():
        with pytest.raises(poolwatch.PoolExhausted) as refused:
            await pool.acquire(timeout=0.01)

    assert "2 of 2 lent: 2 × tests/poolwatch" in str(refused.value)
    assert not book.loans


async def test_a_server_that_is_away_does_not_exhaust_a_pool(
    pool: asyncpg.Pool, book: Book
) -> None:
    async def never(*_: object, **__: object) -> asyncpg.Connection:
        await asyncio.Event().wait()
        raise AssertionError

    async with pool.acquire():
        pool._connect = never  # type: ignore[attr-defined]
        with pytest.raises(TimeoutError) as away:
            await pool.acquire(timeout=0.01)

    assert not isinstance(away.value, poolwatch.PoolExhausted)
    assert not book.loans


async def test_who_waits_is_counted(pool: asyncpg.Pool, book: Book) -> None:
    lent = [await pool.acquire(), await pool.acquire()]
    waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
    await until(lambda: book.waiting == 1)

    for connection in lent:
        await pool.release(connection)

    assert await waiting == 1
    assert book.waiting == 0


async def test_gauges_count_what_is_open(
    pool: asyncpg.Pool, book: Book
) -> None:
    gauge = book.gauge
    assert (gauge.size(), gauge.capacity(), gauge.overflow()) == (2, 2, 0)
    assert (gauge.lent(), gauge.idle()) == (0, 1)

    async with pool.acquire(), pool.acquire():
        assert (gauge.lent(), gauge.idle()) == (2, 0)
    assert (gauge.lent(), gauge.idle()) == (0, 2)


async def test_a_pool_that_is_not_open_yet_is_refused(
    database_url: str,
) -> None:
    pool = asyncpg.create_pool(database_url)

    with pytest.raises(TypeError, match="open the pool first"):
        poolwatch.watch(pool, "shop", Ledger())
