"""Every kind of pool with the same face, for the random test to play with."""

# ruff: noqa: ANN401 - each driver has a type of its own

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg
import psycopg_pool
from sqlalchemy.pool import NullPool, StaticPool

import poolwatch
from tests.poolwatch.conftest import until_async
from tests.poolwatch.engine_lender import EngineLender
from tests.poolwatch.lender import MOST, Lender


class AsyncpgLender(Lender):
    """An asyncpg pool: what is dropped stays lent until its backend dies."""

    async def open(self) -> None:
        self._lost: list[int | None] = []
        self._pool = await asyncpg.create_pool(
            self.server.dsn, min_size=0, max_size=MOST
        )
        self.book = poolwatch.watch(self._pool, "random", self.ledger)

    async def close(self) -> None:
        self._pool.terminate()

    async def dispose(self) -> None:
        await self._pool.expire_connections()
        for pid in self._lost:
            self.server.terminate(pid)
        self._lost.clear()
        await until_async(lambda: len(self.book.loans) == len(self.held))

    async def get(self, timeout: float) -> Any:  # noqa: ASYNC109
        return await self._pool.acquire(timeout=timeout)

    async def give_back(self, connection: Any) -> None:
        await self._pool.release(connection)

    async def invalidate(self, connection: Any) -> None:
        await connection.close()

    async def drop(self, connection: Any) -> None:
        self._lost.append(self.pid(connection))
        await super().drop(connection)

    def lent(self) -> int:
        return self._pool.get_size() - self._pool.get_idle_size()

    def pid(self, connection: Any) -> int | None:
        return int(connection.get_server_pid())


class UnpooledLender(Lender):
    """asyncpg without a pool."""

    async def open(self) -> None:
        pools: Any = asyncpg.Pool
        plain, filling = asyncpg.connect, pools._get_new_connection
        self.book = poolwatch.watch(asyncpg, "random", self.ledger)
        self._connect, asyncpg.connect = asyncpg.connect, plain
        pools._get_new_connection = filling

    async def close(self) -> None:
        while self.held:
            await self.give_back(self.held.pop())

    async def get(self, timeout: float) -> Any:  # noqa: ASYNC109
        return await self._connect(self.server.dsn, timeout=timeout)

    async def give_back(self, connection: Any) -> None:
        await connection.close()

    async def invalidate(self, connection: Any) -> None:
        connection.terminate()

    def pid(self, connection: Any) -> int | None:
        return int(connection.get_server_pid())


class PsycopgLender(Lender):
    """psycopg_pool: what is dropped has lost its slot for good."""

    def __init__(self, pool: type[Any], *args: Any) -> None:
        super().__init__(*args)
        self._pool: Any = pool(
            self.server.dsn,
            min_size=0,
            max_size=MOST,
            open=False,
        )
        self._async = isinstance(self._pool, psycopg_pool.AsyncConnectionPool)

    async def open(self) -> None:
        await self._wait(self._pool.open())
        self.book = poolwatch.watch(self._pool, "random", self.ledger)

    async def close(self) -> None:
        while self.held:
            await self.give_back(self.held.pop())
        await self._wait(self._pool.close())
        for slot in [*self.book.loans]:  # what was dropped
            self.book.record_end(slot)

    async def dispose(self) -> None:
        await self._wait(self._pool.drain())

    async def get(self, timeout: float) -> Any:  # noqa: ASYNC109
        connection = await self._wait(self._pool.getconn(timeout))
        await self._wait(connection.execute("SELECT 1"))
        return connection

    async def give_back(self, connection: Any) -> None:
        await self._wait(self._pool.putconn(connection))

    async def give_back_twice(self, connection: Any) -> None:
        await self.give_back(connection)
        try:
            await self.give_back(connection)
        except ValueError:
            return
        message = "psycopg_pool took a connection twice"
        raise AssertionError(message)

    async def invalidate(self, connection: Any) -> None:
        await self._wait(connection.close())
        await self.give_back(connection)

    async def drop(self, connection: Any) -> None:
        if self.dead:  # one slot less is enough
            await self.give_back(connection)
        else:
            self.dead.add(self.pid(connection))
            await super().drop(connection)

    def lent(self) -> int:
        stats = self._pool.get_stats()
        return int(stats["pool_size"] - stats["pool_available"])

    def pid(self, connection: Any) -> int | None:
        return int(connection.info.backend_pid)

    async def _wait(self, answer: Any) -> Any:
        if not self._async:
            return answer
        awaitable: Awaitable[Any] = answer
        async with asyncio.timeout(20):
            return await awaitable


LENDERS: dict[str, Callable[..., Lender]] = {
    "QueuePool": partial(EngineLender, "psycopg", None),
    "NullPool": partial(EngineLender, "psycopg", NullPool),
    "StaticPool": partial(EngineLender, "psycopg", StaticPool),
    "asyncio QueuePool, asyncpg": partial(EngineLender, "asyncpg", None),
    "asyncio QueuePool, psycopg": partial(
        EngineLender, "psycopg asyncio", None
    ),
    "asyncio NullPool": partial(EngineLender, "asyncpg", NullPool),
    "asyncpg.Pool": AsyncpgLender,
    "asyncpg.connect": UnpooledLender,
    **{
        pool.__name__: partial(PsycopgLender, pool)
        for pool in (
            psycopg_pool.ConnectionPool,
            psycopg_pool.NullConnectionPool,
            psycopg_pool.AsyncConnectionPool,
            psycopg_pool.AsyncNullConnectionPool,
        )
    },
}
