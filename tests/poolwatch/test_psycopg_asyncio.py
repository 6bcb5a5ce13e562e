"""Every way a loan ends, with an asyncio psycopg pool."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import psycopg
import pytest
from psycopg_pool import (
    AsyncConnectionPool,
    AsyncNullConnectionPool,
    PoolTimeout,
)

import poolwatch
from poolwatch import Book, Ledger, PoolExhausted
from tests.poolwatch.conftest import Server, needs, only, until_async

Open = Callable[..., Awaitable[AsyncConnectionPool]]


@pytest.fixture(params=[AsyncConnectionPool, AsyncNullConnectionPool])
async def open_pool(
    request: pytest.FixtureRequest, server: Server
) -> AsyncIterator[Open]:
    async with AsyncExitStack() as closing:

        async def make(**settings: object) -> AsyncConnectionPool:
            pool = request.param(
                server.dsn,
                min_size=0,
                **{"max_size": 2, "timeout": 5, "open": False} | settings,
            )
            await pool.open()
            closing.push_async_callback(pool.close)
            return pool  # type: ignore[no-any-return]

        yield make


@pytest.fixture
async def pool(open_pool: Open) -> AsyncConnectionPool:
    return await open_pool()


@pytest.fixture
def book(pool: AsyncConnectionPool, ledger: Ledger) -> Book:
    return poolwatch.watch(pool, "orders", ledger)


async def test_the_end_of_the_block_ends_a_loan(
    pool: AsyncConnectionPool, book: Book, ledger: Ledger
) -> None:
    async with pool.connection() as connection:
        assert only(ledger).pid == connection.info.backend_pid
    assert not book.loans


async def test_each_ledger_that_watches_a_pool_sees_each_loan(
    pool: AsyncConnectionPool, book: Book
) -> None:
    again = poolwatch.watch(pool, "again", Ledger())
    for _ in range(2):
        async with pool.connection():
            assert len(book.loans) == len(again.loans) == 1
    assert not book.loans
    assert not again.loans


async def test_a_second_putconn_is_refused_and_ends_nothing(
    pool: AsyncConnectionPool, book: Book
) -> None:
    first = await pool.getconn()
    await pool.putconn(first)
    with pytest.raises(ValueError, match="doesn't come from any pool"):
        await pool.putconn(first)
    assert book.loans_ended == 1


@needs(AsyncConnectionPool, "close_returns")
@pytest.mark.parametrize("open_pool", [AsyncConnectionPool], indirect=True)
async def test_close_ends_a_loan_where_it_returns(
    open_pool: Open, ledger: Ledger
) -> None:
    pool = await open_pool(close_returns=True)
    book = poolwatch.watch(pool, "orders", ledger)
    connection = await pool.getconn()
    await connection.close()
    assert not book.loans


async def test_a_connection_that_is_dropped_keeps_its_slot_for_ever(
    pool: AsyncConnectionPool, book: Book, server: Server
) -> None:
    held = await pool.getconn()
    assert len(server.backends()) == 1
    del held
    gc.collect()
    await until_async(lambda: not server.backends())
    assert len(book.loans) == pool.get_stats()["pool_size"] == 1


async def test_a_backend_that_was_terminated_ends_its_loan(
    pool: AsyncConnectionPool, book: Book, server: Server, ledger: Ledger
) -> None:
    holder = await pool.getconn()
    server.terminate(only(ledger).pid)
    with pytest.raises(psycopg.OperationalError):
        await holder.execute("SELECT 1")
    assert len(book.loans) == 1
    await pool.putconn(holder)
    assert not book.loans


async def test_a_timeout_names_the_holders(
    pool: AsyncConnectionPool, book: Book
) -> None:
    async with pool.connection(), pool.connection():
        with pytest.raises(PoolTimeout) as timeout:
            await pool.getconn(timeout=0.01)
        assert isinstance(timeout.value, PoolExhausted)
        assert "2 × tests/poolwatch/test_psycopg_asyncio.py:" in str(
            timeout.value
        )
    assert (book.timeouts, book.waiting, len(book.loans)) == (1, 0, 0)


@pytest.mark.parametrize("open_pool", [AsyncConnectionPool], indirect=True)
async def test_a_timeout_without_a_server_stays_as_it_is(
    ledger: Ledger, open_pool: Open
) -> None:
    pool = await open_pool(kwargs={"host": "/nowhere"})
    book = poolwatch.watch(pool, "orders", ledger)
    with pytest.raises(PoolTimeout) as timeout:
        await pool.getconn(timeout=0.01)
    assert not isinstance(timeout.value, PoolExhausted)
    assert timeout.value.__cause__ is None
    assert book.timeouts == 1


async def test_a_borrower_that_is_cancelled_while_it_waits_borrows_nothing(
    pool: AsyncConnectionPool, book: Book
) -> None:
    async with pool.connection(), pool.connection():
        waiter = asyncio.create_task(pool.getconn())
        await until_async(lambda: book.waiting)
        waiter.cancel()
        await asyncio.wait([waiter])
        assert (book.waiting, len(book.loans)) == (0, 2)


async def test_a_loan_outlives_its_pool(
    pool: AsyncConnectionPool, book: Book
) -> None:
    connection = await pool.getconn()
    await pool.close()
    assert len(book.loans) == 1
    await pool.putconn(connection)
    assert not book.loans
