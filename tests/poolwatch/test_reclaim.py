"""Leaks can be taken back, from every kind of pool; and nothing else is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import psycopg_pool
import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import poolwatch
from poolwatch import Ledger, Reporter
from poolwatch.reclaim import reclaim_leaks
from tests.poolwatch.conftest import Server, only, until_async

Borrow = Callable[[], Awaitable[Any]]
AnyPool = (
    Engine
    | AsyncEngine
    | asyncpg.Pool
    | psycopg_pool.ConnectionPool
    | psycopg_pool.AsyncConnectionPool
)
KINDS = [
    "psycopg engine",
    "psycopg asyncio engine",
    "asyncpg engine",
    "asyncpg pool",
    "psycopg pool",
    "psycopg null pool",
    "psycopg asyncio pool",
]


@pytest.fixture(params=KINDS)
async def pool(
    request: pytest.FixtureRequest, server: Server
) -> AsyncIterator[Any]:
    """A pool that lends one connection at a time."""
    one: Any = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.01}
    few: Any = {"min_size": 0, "max_size": 1}
    async with AsyncExitStack() as closing:
        pool: Any
        match request.param:
            case "psycopg engine":
                pool = create_engine(server.engine_url("psycopg"), **one)
                closing.callback(pool.dispose)
            case "psycopg asyncio engine" | "asyncpg engine":
                driver = request.param.split()[0]
                url = server.engine_url(driver)
                pool = create_async_engine(url, **one)
                closing.push_async_callback(pool.dispose)
            case "asyncpg pool":
                pool = await asyncpg.create_pool(server.dsn, **few)
                closing.callback(pool.terminate)
            case "psycopg asyncio pool":
                pool = psycopg_pool.AsyncConnectionPool(
                    server.dsn, open=False, **few
                )
                await closing.enter_async_context(pool)
            case _:
                kind = (
                    psycopg_pool.NullConnectionPool
                    if "null" in request.param
                    else psycopg_pool.ConnectionPool
                )
                pool = closing.enter_context(
                    kind(server.dsn, open=False, **few)
                )
        yield pool


@pytest.fixture
def borrow(pool: AnyPool, ledger: Ledger) -> Borrow:
    poolwatch.watch(pool, "orders", ledger)

    async def borrow() -> Any:  # noqa: ANN401 - each pool has its own
        match pool:
            case Engine():
                return pool.raw_connection()
            case AsyncEngine():
                return await pool.raw_connection()
            case asyncpg.Pool():
                return await pool.acquire(timeout=10)
            case psycopg_pool.ConnectionPool():
                return await asyncio.to_thread(pool.getconn, 10)
        return await pool.getconn(10)

    return borrow


async def test_a_leak_is_taken_back_and_its_slot_lent_anew(
    borrow: Borrow, ledger: Ledger, reporter: Reporter, server: Server
) -> None:
    with ledger.borrower("request"):
        _held = await borrow()
    pid = only(ledger).pid
    assert await reclaim_leaks(ledger, server.dsn, after=0) == 1
    assert not list(ledger.loans())
    await until_async(lambda: pid not in server.backends())
    found = [finding.kind for finding in reporter.recent]
    assert found == ["leak", "returned late"]
    assert reporter.recent[-1].healed_by == "reclaim_leaks"
    again = await borrow()
    assert only(ledger).pid != pid
    del again


async def test_a_loan_whose_borrower_lives_is_never_touched(
    borrow: Borrow, ledger: Ledger, server: Server
) -> None:
    with ledger.borrower("request"):
        _held = await borrow()
        pid = only(ledger).pid
        assert await reclaim_leaks(ledger, server.dsn, after=0) == 0
        assert only(ledger).pid == pid


async def test_a_loan_that_nobody_borrowed_is_never_touched(
    borrow: Borrow, ledger: Ledger, server: Server
) -> None:
    _held = await borrow()
    assert await reclaim_leaks(ledger, server.dsn, after=0) == 0


async def test_a_young_leak_is_left_alone(
    borrow: Borrow, ledger: Ledger, server: Server
) -> None:
    with ledger.borrower("request"):
        _held = await borrow()
    assert await reclaim_leaks(ledger, server.dsn) == 0


async def test_the_server_may_be_asked_over_a_connection_that_is_open(
    borrow: Borrow, ledger: Ledger, own: asyncpg.Connection
) -> None:
    with ledger.borrower("request"):
        _held = await borrow()
    assert await reclaim_leaks(ledger, own.fetch, after=0) == 1
    assert not list(ledger.loans())


async def test_a_slot_is_freed_whose_backend_a_pooler_hides(
    borrow: Borrow, ledger: Ledger, server: Server
) -> None:
    ledger.books["orders"].knows_backends = False
    with ledger.borrower("request"):
        _held = await borrow()
    assert await reclaim_leaks(ledger, server.dsn, after=0) == 1
    _again = await borrow()
    assert not only(ledger).leaked


async def test_a_pool_that_is_not_meant_is_left_alone(
    borrow: Borrow, ledger: Ledger, server: Server
) -> None:
    with ledger.borrower("request"):
        _held = await borrow()
    leak = only(ledger)
    elsewhere = ["reports"]
    assert await reclaim_leaks(ledger, server.dsn, 0, elsewhere) == 0
    assert only(ledger) is leak
    assert await reclaim_leaks(ledger, server.dsn, 0, ["orders"]) == 1


@pytest.mark.parametrize(
    "pool",
    [kind for kind in KINDS if kind.endswith("pool") and kind != KINDS[3]],
    indirect=True,
)
async def test_a_slot_that_was_lost_with_its_connection_is_found_again(
    borrow: Borrow, ledger: Ledger, server: Server
) -> None:
    with ledger.borrower("request"):
        await borrow()
    assert await reclaim_leaks(ledger, server.dsn, after=0) == 1
    held = await borrow()
    assert only(ledger).pid == held.info.backend_pid


async def test_a_backend_that_has_inherited_the_process_id_is_spared(
    borrow: Borrow, ledger: Ledger, server: Server
) -> None:
    with ledger.borrower("request"):
        _held = await borrow()
    stranger = await asyncpg.connection.connect(server.dsn)
    only(ledger).pid = stranger.get_server_pid()
    only(ledger).since -= 60  # lent long before the stranger came
    assert await reclaim_leaks(ledger, server.dsn, after=0) == 1
    assert await stranger.fetchval("SELECT 1") == 1
    await stranger.close()
