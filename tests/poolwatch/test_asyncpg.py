"""Every way a loan ends, with an asyncpg pool and without one."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

import poolwatch
from poolwatch import Book, Ledger, PoolExhausted
from tests.poolwatch.conftest import Server, needs, only, until_async

SETTINGS: Any = {
    "min_size": 0,
    "max_size": 2,
    "max_queries": 50_000,
    "max_inactive_connection_lifetime": 0,
    "setup": None,
    "init": None,
    "loop": None,
    "connection_class": asyncpg.Connection,
    "record_class": asyncpg.Record,
}
"""What `create_pool` gives a pool that nobody asked more of."""


class OwnPool(asyncpg.Pool):
    """An application's own kind of pool."""


class FinalPool(asyncpg.Pool):
    """One whose author wants no subclasses."""

    def __init_subclass__(cls) -> None:
        message = "there are no subclasses"
        raise TypeError(message)


@pytest.fixture
async def pool(server: Server) -> AsyncIterator[asyncpg.Pool]:
    pool = await asyncpg.create_pool(server.dsn, min_size=0, max_size=2)
    yield pool
    pool.terminate()


@pytest.fixture
def book(pool: asyncpg.Pool, ledger: Ledger) -> Book:
    return poolwatch.watch(pool, "orders", ledger)


@pytest.fixture
def unpooled(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Book:
    pools: Any = asyncpg.Pool
    connect = pools._get_new_connection
    monkeypatch.setattr(asyncpg, "connect", asyncpg.connect)
    monkeypatch.setattr(pools, "_get_new_connection", connect)
    return poolwatch.watch(asyncpg, "unpooled", ledger)


async def test_release_ends_a_loan_once(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    connection = await pool.acquire()
    assert only(ledger).pid == connection.get_server_pid()
    await pool.release(connection)
    await pool.release(connection)
    assert not book.loans
    assert book.loans_ended == 1


@pytest.mark.usefixtures("book")
async def test_each_end_says_how_it_came(
    pool: asyncpg.Pool, endings: list[str]
) -> None:
    await pool.release(await pool.acquire())
    (await pool.acquire()).terminate()
    assert endings == ["returned", "terminated"]


async def test_a_statement_of_the_pool_itself_is_a_loan(
    pool: asyncpg.Pool, book: Book
) -> None:
    assert await pool.fetchval("SELECT 1") == 1
    assert (book.loans_ended, len(book.loans)) == (1, 0)


async def test_a_connection_that_is_dropped_stays_lent(
    pool: asyncpg.Pool, book: Book
) -> None:
    await pool.acquire()
    gc.collect()
    assert len(book.loans) == book.gauge.checked_out() == 1


async def test_closing_the_connection_ends_its_loan(
    pool: asyncpg.Pool, book: Book
) -> None:
    connection = await pool.acquire()
    await connection.close()
    assert not book.loans


async def test_terminating_the_connection_ends_its_loan(
    pool: asyncpg.Pool, book: Book
) -> None:
    connection = await pool.acquire()
    connection.terminate()
    assert not book.loans


async def test_a_backend_that_was_terminated_ends_its_loan(
    pool: asyncpg.Pool, book: Book, server: Server, ledger: Ledger
) -> None:
    _held = await pool.acquire()
    server.terminate(only(ledger).pid)
    await until_async(lambda: not book.loans)
    assert book.loans_ended == 1


async def test_expired_connections_end_their_loan_when_released(
    pool: asyncpg.Pool, book: Book
) -> None:
    async with pool.acquire():
        await pool.expire_connections()
        assert len(book.loans) == 1
    assert not book.loans


async def test_terminating_the_pool_ends_its_loans(
    pool: asyncpg.Pool, book: Book
) -> None:
    _held = await pool.acquire()
    pool.terminate()
    assert not book.loans


async def test_a_timeout_names_the_holders(
    pool: asyncpg.Pool, book: Book
) -> None:
    async with pool.acquire(), pool.acquire():
        assert book.full
        with pytest.raises(
            PoolExhausted, match=r"2 of 2 checked out: 2 × tests/"
        ):
            await pool.acquire(timeout=0.01)
    assert (book.timeouts, book.waiting, len(book.loans)) == (1, 0, 0)


async def test_a_timeout_with_free_slots_stays_as_it_is(
    pool: asyncpg.Pool, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncpg.Pool, "_get_new_connection", never)
    with pytest.raises(TimeoutError) as timeout:
        await pool.acquire(timeout=0.01)
    assert not isinstance(timeout.value, PoolExhausted)
    assert book.timeouts == 1


async def test_a_borrower_that_is_cancelled_while_it_waits_borrows_nothing(
    pool: asyncpg.Pool, book: Book
) -> None:
    async with pool.acquire(), pool.acquire():
        waiter = asyncio.create_task(pool.fetchval("SELECT 1"))
        await until_async(lambda: book.waiting)
        waiter.cancel()
        await asyncio.wait([waiter])
        assert (book.waiting, len(book.loans)) == (0, 2)


async def test_new_connections_are_timed(
    pool: asyncpg.Pool, book: Book
) -> None:
    async with pool.acquire(), pool.acquire():
        pass
    async with pool.acquire():
        pass
    assert sum(book.create_time.counts) == 2
    assert sum(book.use_time.counts) == sum(book.wait_time.counts) == 3


async def test_a_pool_that_is_not_open_cannot_be_watched(
    server: Server, ledger: Ledger
) -> None:
    with pytest.raises(TypeError, match="open the pool first"):
        poolwatch.watch(asyncpg.create_pool(server.dsn), "orders", ledger)


async def test_a_pool_of_a_class_of_its_own_stays_one(
    server: Server, ledger: Ledger
) -> None:
    async with OwnPool(server.dsn, **SETTINGS) as pool:
        book = poolwatch.watch(pool, "orders", ledger)
        async with pool.acquire():
            assert len(book.loans) == 1
        assert isinstance(pool, OwnPool)
    assert not book.loans


async def test_a_pool_that_cannot_be_watched_is_left_as_it_was(
    server: Server, ledger: Ledger
) -> None:
    pool: Any = FinalPool(server.dsn, **SETTINGS)
    async with pool:
        queue = type(pool._queue)
        with pytest.raises(TypeError, match="no subclasses"):
            poolwatch.watch(pool, "orders", ledger)
        assert (type(pool), type(pool._queue)) == (FinalPool, queue)
    assert not ledger.books


async def test_each_ledger_that_watches_a_pool_sees_each_loan(
    pool: asyncpg.Pool, book: Book
) -> None:
    again = poolwatch.watch(pool, "again", Ledger())
    for _ in range(2):
        async with pool.acquire():
            assert len(book.loans) == len(again.loans) == 1
    assert not book.loans
    assert not again.loans


async def test_a_connection_without_a_pool_is_lent_until_it_is_closed(
    unpooled: Book, ledger: Ledger, server: Server
) -> None:
    connection = await asyncpg.connect(server.dsn)
    assert only(ledger).pid == connection.get_server_pid()
    await connection.close()
    assert not unpooled.loans
    assert sum(unpooled.create_time.counts) == 1


async def test_one_that_is_dropped_without_close_is_reclaimed(
    unpooled: Book, server: Server
) -> None:
    connection = await asyncpg.connect(server.dsn)
    assert len(unpooled.loans) == 1
    del connection

    def is_collected() -> bool:  # asyncpg 0.31 keeps it for a turn of the loop
        gc.collect()
        return not unpooled.loans

    await until_async(is_collected)
    assert (unpooled.loans_ended, unpooled.garbage_collected) == (1, 1)
    await until_async(lambda: not server.backends())


async def test_one_whose_backend_was_terminated_is_no_loan(
    unpooled: Book, server: Server, ledger: Ledger
) -> None:
    _held = await asyncpg.connect(server.dsn)
    server.terminate(only(ledger).pid)
    await until_async(lambda: not unpooled.loans)
    assert unpooled.garbage_collected == 0


async def test_a_pools_own_connections_are_no_loans_of_the_unpooled(
    unpooled: Book, server: Server
) -> None:
    engine = create_async_engine(server.engine_url("asyncpg"))
    async with asyncpg.create_pool(server.dsn, min_size=1), engine.connect():
        assert not unpooled.loans
    await engine.dispose()


@needs(asyncpg.create_pool, "connect")
async def test_what_a_pool_has_a_function_open_is_lent_by_the_pool(
    unpooled: Book, server: Server, ledger: Ledger
) -> None:
    async def connect(*args: Any, **settings: Any) -> asyncpg.Connection:  # noqa: ANN401
        return await asyncpg.connect(*args, **settings)

    async with asyncpg.create_pool(
        server.dsn, min_size=1, max_size=2, connect=connect
    ) as pool:
        book = poolwatch.watch(pool, "orders", ledger)
        async with pool.acquire(), pool.acquire():
            assert (len(unpooled.loans), len(book.loans)) == (0, 2)


def test_connections_without_a_pool_are_watched_but_once(
    unpooled: Book, ledger: Ledger
) -> None:
    with pytest.raises(ValueError, match=f"already, as '{unpooled.name}'"):
        poolwatch.watch(asyncpg, "again", ledger)
    assert list(ledger.books) == [unpooled.name]
