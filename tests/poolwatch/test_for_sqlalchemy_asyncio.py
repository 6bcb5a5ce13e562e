"""An asyncio engine: each way in which a loan begins and ends."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest
import sqlalchemy.exc
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)

import poolwatch
from poolwatch import Book, Ledger
from tests.conftest import ignored_warnings, until

pytestmark = pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])


@pytest.fixture
async def engine(database_url: str, driver: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(
        database_url.replace("sql:", f"sql+{driver}:"),
        pool_size=1,
        max_overflow=1,
        pool_timeout=0.05,
    )
    yield engine
    await engine.dispose()


@pytest.fixture
def book(engine: AsyncEngine) -> Book:
    return poolwatch.watch(engine, "shop", Ledger())


async def test_a_loan_ends_when_it_is_closed(
    engine: AsyncEngine, book: Book
) -> None:
    async with engine.connect():
        assert len(book.loans) == 1
    assert not book.loans


async def test_a_loan_knows_its_backend(
    engine: AsyncEngine, book: Book
) -> None:
    async with engine.connect() as connection:
        found = await connection.exec_driver_sql("SELECT pg_backend_pid()")
        [loan] = book.loans.values()
        assert loan.pid == found.scalar_one()


async def test_a_loan_knows_the_line_beyond_the_greenlet(
    engine: AsyncEngine, book: Book
) -> None:
    async with AsyncSession(engine) as session:
        await session.connection()

        [loan] = book.loans.values()
        assert loan.site
        assert loan.site.file == __file__
        assert loan.site.function == (
            "test_a_loan_knows_the_line_beyond_the_greenlet"
        )


@pytest.mark.usefixtures("collector_off")
async def test_a_loan_ends_when_the_collector_finds_the_session(
    engine: AsyncEngine, book: Book
) -> None:
    await AsyncSession(engine).connection()
    assert len(book.loans) == 1

    with ignored_warnings():
        gc.collect()

    assert not book.loans
    assert book.gauge.lent() == 0


@pytest.mark.usefixtures("collector_off")
async def test_what_the_collector_has_reclaimed_is_not_idle(
    engine: AsyncEngine, book: Book
) -> None:
    await AsyncSession(engine).connection()

    with ignored_warnings():
        gc.collect()

    assert book.gauge.idle() == 0


async def test_a_loan_ends_when_it_is_closed_after_an_invalidation(
    engine: AsyncEngine, book: Book
) -> None:
    async with engine.connect() as connection:
        await connection.invalidate()
    assert not book.loans


async def test_a_loan_ends_when_its_task_is_cancelled(
    engine: AsyncEngine, book: Book
) -> None:
    async def work() -> None:
        async with engine.connect():
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await until(lambda: len(book.loans) == 1)
    task.cancel()

    await asyncio.wait([task])
    assert not book.loans


async def test_an_exhausted_pool_raises_an_error_of_both_kinds(
    engine: AsyncEngine, book: Book
) -> None:
    async with engine.connect(), engine.connect():
        with pytest.raises(poolwatch.PoolExhausted) as refused:
            await engine.connect()

    assert isinstance(refused.value, sqlalchemy.exc.TimeoutError)
    assert "2 of 2 lent: 2 × tests/poolwatch" in str(refused.value)
    assert not book.loans


async def test_who_waits_is_counted(engine: AsyncEngine, book: Book) -> None:
    engine.sync_engine.pool._timeout = 10  # type: ignore[attr-defined]
    lent = [await engine.connect(), await engine.connect()]
    waiting = asyncio.ensure_future(engine.connect().start())
    await until(lambda: book.waiting == 1)

    await lent.pop().close()

    lent.append(await waiting)
    assert book.waiting == 0
    for connection in lent:
        await connection.close()
