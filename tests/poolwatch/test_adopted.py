"""Bare connections of asyncpg: through tracers, and adopted by pools."""

# ruff: noqa: ANN401 - a proxy has any type

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import poolwatch
from poolwatch import Book, Ledger, Reporter
from poolwatch.reclaim import reclaim_leaks
from tests.poolwatch.conftest import Server, only


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave asyncpg as it was."""
    pools: Any = asyncpg.Pool
    connect = pools._get_new_connection
    monkeypatch.setattr(asyncpg, "connect", asyncpg.connect)
    monkeypatch.setattr(pools, "_get_new_connection", connect)


@pytest.fixture
def bare(ledger: Ledger, patch: None) -> Book:  # noqa: ARG001
    return poolwatch.watch(asyncpg, "bare", ledger)


class Proxy:
    """A tracer's proxy, as `wrapt.ObjectProxy` is: it claims to be another."""

    def __init__(self, wrapped: object) -> None:
        self.__wrapped__ = wrapped

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.__wrapped__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


def trace() -> None:
    """Patch `asyncpg.connect` as tracers do: it returns a proxy."""
    plain = asyncpg.connect

    async def connect(*args: Any, **kwargs: Any) -> Any:
        return Proxy(await plain(*args, **kwargs))

    asyncpg.connect = connect


@pytest.fixture
async def engine(server: Server, ledger: Ledger) -> AsyncIterator[AsyncEngine]:
    async def create() -> asyncpg.Connection:
        return await asyncpg.connect(server.dsn)

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=create, pool_size=2
    )
    poolwatch.watch(engine, "engine", ledger)
    yield engine
    await engine.dispose()


def test_connect_stays_a_coroutine_function(bare: Book) -> None:
    assert inspect.iscoroutinefunction(asyncpg.connect)
    assert asyncpg.connect is not asyncpg.connection.connect
    assert not bare.loans


@pytest.mark.parametrize("first", ["tracer", "poolwatch"])
@pytest.mark.usefixtures("patch")
async def test_a_connection_behind_a_tracers_proxy_is_one_loan(
    first: str, ledger: Ledger, reporter: Reporter, server: Server
) -> None:
    if first == "tracer":
        trace()
    bare = poolwatch.watch(asyncpg, "bare", ledger)
    if first == "poolwatch":
        trace()
    with ledger.borrower("GET /report"):
        connection = await asyncpg.connect(server.dsn)
        assert hasattr(connection, "__wrapped__")
        assert only(ledger).pid == connection.get_server_pid()
        await connection.close()
    assert (len(bare.loans), bare.loans_ended) == (0, 1)
    assert not reporter.recent


@pytest.mark.parametrize("traced", [False, True])
async def test_what_an_engine_connects_is_the_engines(
    bare: Book,
    engine: AsyncEngine,
    ledger: Ledger,
    reporter: Reporter,
    traced: bool,  # noqa: FBT001 - a case, and no flag
) -> None:
    if traced:
        trace()
    for _ in range(2):
        with ledger.borrower("GET"):
            async with engine.connect() as connection:
                assert await connection.scalar(text("SELECT 1")) == 1
                assert only(ledger).pool == "engine"
    assert not bare.loans
    assert not reporter.recent


async def test_what_a_pool_connects_is_the_pools(
    bare: Book, server: Server, ledger: Ledger
) -> None:
    with ledger.borrower("startup"):
        pool = await asyncpg.create_pool(
            server.dsn, min_size=1, max_size=1, connect=asyncpg.connect
        )
    assert (len(bare.loans), bare.leaks) == (0, 0)
    pool.terminate()


async def test_reclaim_spares_a_backend_that_a_living_request_uses(
    bare: Book, engine: AsyncEngine, ledger: Ledger, server: Server
) -> None:
    with ledger.borrower("GET /living"):
        async with engine.connect() as connection:
            pid = only(ledger).pid
            with ledger.borrower("a loan written twice"):
                bare.record_checkout(slot=1, pid=pid)
            bare.record_leak(bare.loans[1])
            assert bare.loans[1].leaked
            assert await reclaim_leaks(ledger, server.dsn, after=0) == 0
            assert await connection.scalar(text("SELECT 1")) == 1


async def test_two_connects_at_once_are_two_loans(
    bare: Book, server: Server
) -> None:
    both = await asyncio.gather(
        asyncpg.connect(server.dsn), asyncpg.connect(server.dsn)
    )
    assert len(bare.loans) == 2
    for connection in both:
        await connection.close()
    assert not bare.loans
