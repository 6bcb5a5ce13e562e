"""CPU time of one checkout and return, with everything the service has on.

Two pools of each kind, one watched and one not, lend one connection each to a
real PostgreSQL, a hundred times a round and without a query: what is timed is
the pool's own work. Each round is a task of its own, as a request is to a
server, and borrows through three frames, as a handler, a service and a
repository make them. It is CPU time of all threads of the process, which a
busy machine stretches less than the time on the clock. asyncpg's reset query
is left out: its round trip varies by more than what is looked for here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from time import process_time
from typing import Any

import asyncpg
from prometheus_client import CollectorRegistry
from psycopg_pool import ConnectionPool
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.types import Receive, Scope, Send

import poolwatch
from app.settings import Settings
from lab.bench.poolwatch.pairs import SIDES, Pairs, Side, in_turn
from poolwatch.metrics.prometheus import Exporter

TIMES = 100
"""Checkouts and returns in one round."""

Work = Callable[[], Awaitable[None]]
"""One checkout and return, or what else is timed."""
Opening = Callable[[Settings], AbstractAsyncContextManager[tuple[Any, Work]]]
"""Opens a pool; gives it and what borrows from it."""


async def measure(
    rounds: int, settings: Settings, tick: Callable[[str], None]
) -> dict[str, Pairs]:
    """Time every kind of pool, and what a request adds of its own.

    Args:
        rounds: how many, at least two.
        settings: which server to connect to.
        tick: told after each kind what was timed.

    """
    ledger = _ledger_as_in_the_service()
    found = {}
    loop = asyncio.get_running_loop()
    with poolwatch.Watchdog(ledger, loop=loop):
        for name, opening in POOLS.items():
            async with AsyncExitStack() as closing:
                work: dict[Side, Work] = {}
                for side in SIDES:
                    pool, work[side] = await closing.enter_async_context(
                        opening(settings)
                    )
                    if side == "with":
                        poolwatch.watch(pool, name, ledger)
                with ledger.borrower("bench"):
                    found[name] = await _time(work, rounds)
            tick(name)
        found[REQUEST] = await _time(_requests(ledger), rounds)
        tick(REQUEST)
    return found


def _ledger_as_in_the_service() -> poolwatch.Ledger:
    ledger = poolwatch.Ledger()
    ledger.listeners.append(poolwatch.Reporter())
    Exporter(ledger, CollectorRegistry())
    return ledger


async def _time(work: dict[Side, Work], rounds: int) -> Pairs:
    pairs = Pairs()
    for side in SIDES:
        await _seconds(work[side])  # connects, and fills the caches
    for each in range(rounds):
        for side in in_turn(each):
            pairs.add(side, await _seconds(work[side]))
    return pairs


async def _seconds(work: Work) -> float:
    """Time it in a task of its own, as a server has one for each request."""
    return await asyncio.create_task(_handler(work))


async def _handler(work: Work) -> float:
    began = process_time()
    for _ in range(TIMES):
        await _service(work)
    return (process_time() - began) / TIMES


async def _service(work: Work) -> None:
    await work()


def _borrowing_asyncio(
    lend: Callable[[], AbstractAsyncContextManager[Any]],
) -> Work:
    async def borrow() -> None:
        async with lend():
            pass

    return borrow


def _borrowing(lend: Callable[[], AbstractContextManager[Any]]) -> Work:
    async def borrow() -> None:
        with lend():
            pass

    return borrow


@asynccontextmanager
async def _engine_asyncio(settings: Settings) -> AsyncIterator[Any]:
    engine = create_async_engine(
        "postgresql+asyncpg://", connect_args={"dsn": settings.dsn}
    )
    try:
        yield engine, _borrowing_asyncio(engine.connect)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[Any]:
    engine = create_engine(settings.psycopg_url)
    try:
        yield engine, _borrowing(engine.connect)
    finally:
        engine.dispose()


@asynccontextmanager
async def _asyncpg_pool(settings: Settings) -> AsyncIterator[Any]:
    async def no_reset(_: object) -> None:
        pass

    pool = await asyncpg.create_pool(
        settings.dsn, min_size=1, max_size=1, reset=no_reset
    )
    try:
        yield pool, _borrowing_asyncio(pool.acquire)
    finally:
        pool.terminate()  # `close` waits for what a signal has left lent


@asynccontextmanager
async def _psycopg_pool(settings: Settings) -> AsyncIterator[Any]:
    with ConnectionPool(settings.dsn, min_size=1, max_size=1) as pool:
        yield pool, _borrowing(pool.connection)


POOLS: dict[str, Opening] = {
    "SQLAlchemy async": _engine_asyncio,
    "SQLAlchemy": _engine,
    "asyncpg": _asyncpg_pool,
    "psycopg_pool": _psycopg_pool,
}
REQUEST = "a request itself"
"""What the middleware adds, however often the request borrows."""


def _requests(ledger: poolwatch.Ledger) -> dict[Side, Work]:
    """Call an application that does nothing, as a server does."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    async def receive() -> Any:  # noqa: ANN401 - as ASGI has it
        pass

    async def send(_: object) -> None:
        pass

    watched = poolwatch.Middleware(application, ledger)

    async def without() -> None:
        await application({"type": "http", "method": "GET"}, receive, send)

    async def with_poolwatch() -> None:
        await watched({"type": "http", "method": "GET"}, receive, send)

    return {"without": without, "with": with_poolwatch}
