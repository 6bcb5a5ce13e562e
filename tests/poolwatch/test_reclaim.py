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


ONE_KIND = pytest.mark.parametrize("pool", ["asyncpg pool"], indirect=True)
"""What does not depend on the pool."""


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


@pytest.fixture
async def own(server: Server) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the server that is none of the pools'."""
    connection = await asyncpg.connection.connect(server.dsn)
    yield connection
    await connection.close()


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
    assert reporter.recent[-1].healed_by == "reclaim"
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


@ONE_KIND
async def test_what_is_lent_anew_while_a_connection_opens_is_not_touched(
    pool: asyncpg.Pool,
    borrow: Borrow,
    ledger: Ledger,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect = asyncpg.connection.connect

    async def lend_anew(dsn: str, **_: object) -> asyncpg.Connection:
        await pool.release(leaked)
        borrowed.append(await borrow())
        return await connect(dsn)

    borrowed: list[asyncpg.Connection] = []
    with ledger.borrower("request"):
        leaked = await borrow()
    with ledger.borrower("another"):
        monkeypatch.setattr(asyncpg.connection, "connect", lend_anew)
        assert await reclaim_leaks(ledger, server.dsn, after=0) == 0
        assert await borrowed[0].fetchval("SELECT 1") == 1


@ONE_KIND
@pytest.mark.parametrize("look", [1, 2])
async def test_what_is_lent_anew_while_the_server_is_asked_is_not_touched(
    pool: asyncpg.Pool,
    borrow: Borrow,
    ledger: Ledger,
    own: asyncpg.Connection,
    look: int,
) -> None:
    async def lend_anew(query: str, *args: object) -> list[asyncpg.Record]:
        asked.append(query)
        if len(asked) == look:
            await pool.release(leaked)
            borrowed.append(await borrow())
        return await own.fetch(query, *args)

    asked: list[object] = []
    borrowed: list[asyncpg.Connection] = []
    with ledger.borrower("request"):
        leaked = await borrow()
    with ledger.borrower("another"):
        await reclaim_leaks(ledger, lend_anew, after=0)
        assert await borrowed[0].fetchval("SELECT 1") == 1
        assert not only(ledger).condemned


@ONE_KIND
async def test_a_leak_that_is_in_use_is_left_for_the_next_call(
    borrow: Borrow, ledger: Ledger, own: asyncpg.Connection
) -> None:
    async def use_it(query: str, *args: object) -> list[asyncpg.Record]:
        rows = await own.fetch(query, *args)
        await leaked.execute("SELECT 1")
        return rows

    with ledger.borrower("request"):
        leaked = await borrow()
    assert await reclaim_leaks(ledger, use_it, after=0) == 0
    assert await leaked.fetchval("SELECT 1") == 1
    assert await reclaim_leaks(ledger, own.fetch, after=0) == 1


@ONE_KIND
@pytest.mark.parametrize("look", [1, 2])
async def test_a_leak_that_could_not_be_ended_is_healed_by_its_own_code(
    pool: asyncpg.Pool,
    borrow: Borrow,
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
        leaked = await borrow()
    with pytest.raises(ConnectionRefusedError):
        await reclaim_leaks(ledger, be_away, after=0)
    await pool.release(leaked)
    assert reporter.recent[-1].healed_by == "its own code"
