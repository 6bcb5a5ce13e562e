"""Every way a loan ends, with an asyncio SQLAlchemy engine."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, Pool, StaticPool

import poolwatch
from poolwatch import Book, Ledger, PoolExhausted
from tests.poolwatch.conftest import Server, only, until_async

POOLS: list[type[Pool]] = [AsyncAdaptedQueuePool, NullPool, StaticPool]
PID = text("SELECT pg_backend_pid()")


@pytest.fixture(params=["asyncpg", "psycopg"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=POOLS, ids=lambda pool: pool.__name__)
async def engine(
    request: pytest.FixtureRequest, server: Server, driver: str
) -> AsyncIterator[AsyncEngine]:
    sizes = (
        {"pool_size": 1, "max_overflow": 1, "pool_timeout": 0.01}
        if request.param is AsyncAdaptedQueuePool
        else {}
    )
    engine = create_async_engine(
        server.engine_url(driver),
        connect_args=server.connect_args(driver),
        poolclass=request.param,
        **sizes,
    )
    yield engine
    await engine.dispose()


@pytest.fixture
def book(engine: AsyncEngine, ledger: Ledger) -> Book:
    return poolwatch.watch(engine, "orders", ledger)


queue_pool = pytest.mark.parametrize(
    "engine", [AsyncAdaptedQueuePool], indirect=True, ids=["QueuePool"]
)


@pytest.mark.usefixtures("book")
async def test_a_loan_knows_its_backend(
    engine: AsyncEngine, ledger: Ledger
) -> None:
    async with engine.connect() as connection:
        assert only(ledger).pid == await connection.scalar(PID)


async def test_close_ends_a_loan(engine: AsyncEngine, book: Book) -> None:
    connection = await engine.connect()
    assert len(book.loans) == 1
    await connection.close()
    await connection.close()
    assert not book.loans
    assert (book.loans_ended, book.garbage_collected) == (1, 0)


async def test_a_session_that_is_closed_ends_its_loan(
    engine: AsyncEngine, book: Book
) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(PID)
        assert len(book.loans) == 1
    assert not book.loans


async def test_the_collector_ends_a_loan_and_is_counted_apart(
    engine: AsyncEngine, book: Book, server: Server
) -> None:
    session = AsyncSession(engine)
    await session.execute(PID)
    del session
    assert len(book.loans) == 1
    gc.collect()
    assert not book.loans
    assert (book.loans_ended, book.garbage_collected) == (1, 1)
    await until_async(lambda: not server.backends())


async def test_invalidation_ends_a_loan(
    engine: AsyncEngine, book: Book
) -> None:
    async with engine.connect() as connection:
        await connection.invalidate()
        assert not book.loans
    assert book.loans_ended == 1


async def test_a_detached_connection_is_a_loan_until_it_is_closed(
    engine: AsyncEngine, book: Book
) -> None:
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        raw.detach()
        assert len(book.loans) == 1
    assert not book.loans
    assert (book.loans_ended, book.garbage_collected) == (1, 0)


async def test_the_collector_ends_the_loan_of_a_connection_that_is_closed(
    engine: AsyncEngine, book: Book
) -> None:
    connection = await engine.connect()
    raw = await connection.get_raw_connection()
    driver_connection: Any = raw.driver_connection
    await driver_connection.close()
    del connection, raw, driver_connection
    gc.collect()
    assert not book.loans
    assert (book.loans_ended, book.garbage_collected) == (1, 1)


async def test_a_backend_that_was_terminated_ends_its_loan(
    engine: AsyncEngine, book: Book, server: Server, ledger: Ledger
) -> None:
    async with engine.connect() as connection:
        server.terminate(only(ledger).pid)
        with pytest.raises(DBAPIError):
            await connection.execute(PID)
        assert not book.loans
    assert book.loans_ended == 1


@queue_pool
async def test_an_overflow_connection_is_a_loan_as_any(
    engine: AsyncEngine, book: Book
) -> None:
    async with engine.connect(), engine.connect():
        assert len(book.loans) == book.gauge.checked_out() == 2
        assert book.gauge.overflow() == 1
    assert not book.loans


@queue_pool
async def test_a_timeout_names_the_holders(
    engine: AsyncEngine, book: Book
) -> None:
    async with engine.connect(), engine.connect():
        with pytest.raises(PoolTimeout) as timeout:
            await engine.connect()
        assert isinstance(timeout.value, PoolExhausted)
        assert "2 × tests/poolwatch/test_sqlalchemy_asyncio.py:" in str(
            timeout.value
        )
    assert (book.timeouts, book.waiting, len(book.loans)) == (1, 0, 0)


@queue_pool
async def test_a_borrower_that_is_cancelled_while_it_waits_borrows_nothing(
    engine: AsyncEngine, book: Book
) -> None:
    async with engine.connect(), engine.connect():
        waiter = asyncio.create_task(engine.connect().start())
        await until_async(lambda: book.waiting)
        waiter.cancel()
        await asyncio.wait([waiter])
        assert (book.waiting, len(book.loans)) == (0, 2)


async def test_a_cancelled_query_ends_its_loan(
    engine: AsyncEngine, book: Book
) -> None:
    async def hold() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_sleep(60)"))

    holder = asyncio.create_task(hold())
    await until_async(lambda: book.loans)
    holder.cancel()
    await asyncio.wait([holder])
    assert not book.loans


async def test_disposal_does_not_end_a_loan_and_its_heir_is_watched(
    engine: AsyncEngine, book: Book
) -> None:
    async with engine.connect():
        await engine.dispose()
        assert len(book.loans) == 1
        async with engine.connect():
            assert len(book.loans) == 2
    assert not book.loans
