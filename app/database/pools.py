"""The service's database: two pools, and a monitor outside of them.

Every wait for a connection, a statement or a close has a limit in the
settings. Endpoints that must work while the pools are exhausted (probes,
metrics, the lab) use the monitor's connection.

The write-up's engine is not used. Its `create_engine(url, pool_size=20)` has
SQLAlchemy's defaults for the rest: an overflow of 10 and a timeout of 30 s,
not "no overflow, no timeout" as the write-up says. It lacks `pool_pre_ping`
and `pool_recycle`, so a request may get a connection that the server has
closed, and fail.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypedDict

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import poolwatch
from app.database.budget import check_budget
from app.database.connect import (
    application_name,
    engine_arguments,
    pool_arguments,
)
from app.database.monitor import Monitor
from app.database.outage import mark_ended, without_trace
from app.database.ping import ping_idle_connections
from app.settings import Settings
from poolwatch.pages.models import PageSource
from poolwatch.reclaim import reclaim_leaks

logger = logging.getLogger(__name__)

ENGINE, POOL = "engine", "asyncpg"
"""Names of the two pools in metrics, reports and pg_stat_activity."""

for _name in ("asyncpg.pool", "sqlalchemy.pool.impl.AsyncAdaptedQueuePool"):
    logging.getLogger(_name).addFilter(without_trace)


@dataclass(frozen=True, slots=True)
class Database:
    """Both pools and their watchdog, open while the service runs.

    `monitor` queries PostgreSQL itself. `probe` connects to the host of the
    pools, which is PgBouncer if there is one.

    `reader` and `engine` share one pool. `reader` runs a statement without a
    transaction (AUTOCOMMIT), which saves two of three round trips. The pool
    is made for `reader`, and `engine` is a view of it, because the pool's
    ping runs in the pool's own mode: one round trip instead of three.
    """

    settings: Settings
    engine: AsyncEngine
    reader: AsyncEngine
    pool: asyncpg.Pool
    monitor: Monitor
    probe: Monitor
    ledger: poolwatch.Ledger
    watchdog: poolwatch.Watchdog

    async def count_backends(self) -> int:
        """Count this process's connections as the server sees them."""
        rows = await self.monitor.fetch(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = ANY($1)",
            [
                application_name(self.settings, name)
                for name in self.ledger.books
            ],
        )
        return int(rows[0]["count"])

    async def end_leaks(self) -> int:
        """End leaked connections; return how many.

        Behind PgBouncer the service cannot end a backend. Closing the
        client's side is enough: PgBouncer rolls back the open transaction.
        """
        return await reclaim_leaks(self.ledger, self.monitor.fetch, after=0)


class State(TypedDict):
    """The attributes that the lifespan sets in `request.state`."""

    database: Database
    source: PageSource


@asynccontextmanager
async def open_database(
    settings: Settings, ledger: poolwatch.Ledger
) -> AsyncIterator[Database]:
    """Open both pools; close them in bounded time, even after a leak.

    Raises:
        DatabaseUnreachableError: the server cannot be reached.
        BudgetExceededError: the pools do not fit the server.

    """
    async with AsyncExitStack() as closing:  # closed in reverse order
        monitor = Monitor(
            settings.direct_dsn, application_name(settings, "monitor")
        )
        closing.push_async_callback(monitor.close)
        await check_budget(settings, monitor)
        probe = monitor
        if settings.behind_pgbouncer:
            probe = Monitor(settings.dsn, application_name(settings, "probe"))
            closing.push_async_callback(probe.close)

        reader = create_async_engine(
            settings.engine_url,
            isolation_level="AUTOCOMMIT",
            pool_size=settings.pool_size,
            max_overflow=settings.max_overflow,
            pool_timeout=settings.pool_timeout,
            pool_recycle=settings.pool_recycle,
            connect_args=engine_arguments(settings, ENGINE),
        )
        closing.push_async_callback(reader.dispose)
        event.listen(reader.sync_engine, "handle_error", mark_ended)
        ping_idle_connections(reader.sync_engine)
        book = poolwatch.watch(reader, ENGINE, ledger)
        book.knows_backends = not settings.behind_pgbouncer
        closing.callback(ledger.close_book, book)

        pool = await asyncpg.create_pool(
            settings.dsn,
            min_size=settings.pool_min_size,
            max_size=settings.pool_size,
            max_inactive_connection_lifetime=settings.pool_idle_lifetime,
            **pool_arguments(settings, POOL),
        )
        closing.push_async_callback(_close_pool, pool, settings.close_timeout)
        book = poolwatch.watch(pool, POOL, ledger)
        book.knows_backends = not settings.behind_pgbouncer
        closing.callback(ledger.close_book, book)

        watchdog = closing.enter_context(
            poolwatch.Watchdog(
                ledger, loop=asyncio.get_running_loop(), fetch=monitor.fetch
            )
        )
        engine = reader.execution_options(isolation_level="READ COMMITTED")
        database = Database(
            settings, engine, reader, pool, monitor, probe, ledger, watchdog
        )
        closing.push_async_callback(_end_loans, database)
        yield database


async def _end_loans(database: Database) -> None:
    """Wait a moment for open loans to return, then end their backends.

    A leaked connection would outlive its pool, and a plain `pool.close()`
    would wait for it without a limit.
    """
    patience = database.settings.close_timeout
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while any(database.ledger.loans()):  # noqa: ASYNC110 - bounded
                await asyncio.sleep(0.01)
    left = list(database.ledger.loans())
    if not left:
        return
    pids = [loan.pid for loan in left if loan.pid is not None]
    logger.warning(
        "%d connections were still checked out after %s s; ended: %s",
        len(left),
        patience,
        pids,
    )
    try:
        await database.monitor.terminate(pids)
    except (OSError, asyncpg.PostgresError) as error:
        logger.warning(
            "the server did not end these connections: %s",
            str(error) or "timeout",
        )


async def _close_pool(pool: asyncpg.Pool, patience: float) -> None:
    try:
        async with asyncio.timeout(patience):
            await pool.close()  # terminates the pool where it is interrupted
    except TimeoutError:
        logger.warning("the asyncpg pool was terminated")
