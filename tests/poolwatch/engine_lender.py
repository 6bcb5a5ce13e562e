"""A SQLAlchemy engine, of any kind, for the random test to play with."""

# ruff: noqa: ANN401 - each driver has a type of its own

from collections.abc import Callable
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import Pool, QueuePool, StaticPool
from sqlalchemy.util import greenlet_spawn

import poolwatch
from tests.poolwatch.lender import MOST, SOON, Lender


class EngineLender(Lender):
    """SQLAlchemy; what is borrowed is the pool's own proxied connection."""

    def __init__(
        self, driver: str, pool: type[Pool] | None, *args: Any
    ) -> None:
        super().__init__(*args)
        self._driver = driver
        if pool is StaticPool:  # has one connection for all
            self.most = 1
        sizes = {"pool_size": 2, "max_overflow": MOST - 2}
        self._settings: dict[str, Any] = {
            "url": self.server.engine_url(driver.removesuffix(" asyncio")),
            "connect_args": self.server.connect_args(
                driver.removesuffix(" asyncio")
            ),
            "pool_pre_ping": True,
        } | ({"poolclass": pool} if pool else {"pool_timeout": SOON, **sizes})

    async def open(self) -> None:
        if self._driver == "psycopg":
            self.engine = create_engine(**self._settings)
        else:
            asyncio_engine = create_async_engine(**self._settings)
            self.engine = asyncio_engine.sync_engine
        self.book = poolwatch.watch(self.engine, "random", self.ledger)
        self._detached: list[Any] = []
        self._pools = [self.engine.pool]

    async def close(self) -> None:
        while self.held:
            await self._call(self.held.pop().close)
        for connection in self._detached:
            await self._call(connection.close)
        await self.dispose()

    async def dispose(self) -> None:
        if self.held and self.most == 1:
            return  # StaticPool would close what it has lent
        await self._call(self.engine.dispose)
        # What comes back to the old one stays open in it.
        self._pools.append(self.engine.pool)

    async def get(self, timeout: float) -> Any:  # noqa: ASYNC109, ARG002
        def begin() -> Any:
            connection = self.engine.raw_connection()
            cursor = connection.cursor()
            cursor.execute("SELECT 1")
            cursor.close()
            return connection

        return await self._call(begin)

    async def give_back(self, connection: Any) -> None:
        await self._call(connection.close)

    async def invalidate(self, connection: Any) -> None:
        await self._call(connection.invalidate)

    async def detach(self, connection: Any) -> None:
        await self._call(connection.detach)
        self._detached.append(connection)

    def spare(self) -> int:
        pools = [pool for pool in self._pools if isinstance(pool, QueuePool)]
        return sum(pool.checkedin() for pool in pools) + (self.most == 1)

    def lent(self) -> int:
        records = {
            id(record): record.in_use
            for connection in self.held
            if (record := connection._connection_record) is not None
        }
        in_use = sum(bool(held) for held in records.values())
        return in_use + len(self._detached)

    def pid(self, connection: Any) -> int | None:
        return self.book.loans[id(connection._connection_record)].pid

    async def _call(self, method: Callable[[], Any]) -> Any:
        if self._driver == "psycopg":
            return method()
        return await greenlet_spawn(method)
