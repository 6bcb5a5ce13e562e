"""The database as the service sees it: two pools, and a monitor beside them.

Both pools are tuned and bounded: every wait for a connection, a statement or
an end has a limit in the settings. What must answer while the pools are
exhausted (probes, metrics, the lab) uses the monitor's own connection.

The write-up's careless engine is not used. `create_engine(url, pool_size=20)`
has SQLAlchemy's defaults for the rest, an overflow of 10 and a timeout of
30 s, and not "no overflow, no timeout" as it says; what it lacks is
`pool_pre_ping` and `pool_recycle`, so that a connection which the server has
closed meanwhile reaches a request, which then fails.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import asyncpg
from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

import poolwatch
from app.budget import check_budget
from app.monitor import Monitor
from app.settings import Settings
from poolwatch.reclaim import reclaim_leaks
from poolwatch.report import Source

logger = logging.getLogger(__name__)

ENGINE, POOL = "engine", "asyncpg"
"""What the two pools are called in metrics, reports and pg_stat_activity."""


@dataclass(frozen=True, slots=True)
class Database:
    """Both pools and who watches them, open while the service runs.

    `reader` and `engine` are one pool. `reader` puts no transaction round a
    statement (AUTOCOMMIT), which saves two of its three round trips. It is
    the engine and `engine` its view, not the other way round, because the
    pool's pre-ping runs as the engine does: one round trip instead of three.
    """

    settings: Settings
    engine: AsyncEngine
    reader: AsyncEngine
    pool: asyncpg.Pool
    monitor: Monitor
    ledger: poolwatch.Ledger
    watchdog: poolwatch.Watchdog

    async def count_backends(self) -> int:
        """Count this process's connections as the server sees them."""
        rows = await self.monitor.fetch(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = ANY($1)",
            [
                self.settings.connection_name(pool)
                for pool in self.ledger.books
            ],
        )
        return int(rows[0]["count"])

    async def end_leaks(self) -> int:
        """Take leaked loans back, whoever keeps them; answer how many."""
        return await reclaim_leaks(
            self.ledger, self.monitor.terminate, after=0
        )


class State(TypedDict):
    """What the lifespan hands to every request, as `request.state`."""

    database: Database
    source: Source


@asynccontextmanager
async def open_database(
    settings: Settings, ledger: poolwatch.Ledger
) -> AsyncIterator[Database]:
    """Open both pools; close them in bounded time, whatever is still lent.

    Raises:
        DatabaseUnreachableError: the server cannot be reached.
        BudgetExceededError: the pools do not fit the server.

    """
    async with AsyncExitStack() as closing:  # what was opened last goes first
        monitor = Monitor(settings.dsn, settings.connection_name("monitor"))
        closing.push_async_callback(monitor.close)
        await check_budget(settings, monitor)

        reader = create_async_engine(
            settings.engine_url,
            isolation_level="AUTOCOMMIT",
            pool_size=settings.pool_size,
            max_overflow=settings.max_overflow,
            pool_timeout=settings.pool_timeout,
            pool_recycle=settings.pool_recycle,
            pool_pre_ping=True,
            connect_args=connect_args(settings),
        )
        closing.push_async_callback(reader.dispose)
        book = poolwatch.watch(reader, ENGINE, ledger)
        closing.callback(ledger.close_book, book)

        pool = await asyncpg.create_pool(
            settings.dsn,
            min_size=settings.pool_min_size,
            max_size=settings.pool_size,
            max_inactive_connection_lifetime=settings.pool_idle_lifetime,
            timeout=settings.connect_timeout,
            command_timeout=settings.statement_timeout,
            server_settings={
                "application_name": settings.connection_name(POOL)
            },
        )
        closing.push_async_callback(_close_pool, pool, settings.close_timeout)
        book = poolwatch.watch(pool, POOL, ledger)
        closing.callback(ledger.close_book, book)

        watchdog = closing.enter_context(
            poolwatch.Watchdog(ledger, loop=asyncio.get_running_loop())
        )
        engine = reader.execution_options(isolation_level="READ COMMITTED")
        database = Database(
            settings, engine, reader, pool, monitor, ledger, watchdog
        )
        closing.push_async_callback(_end_loans, database)
        yield database


async def _end_loans(database: Database) -> None:
    """Give loans a moment to come back; end the backends of those that stay.

    A leaked connection would outlive its pool, and a plain `pool.close()`
    would wait for it for ever.
    """
    patience = database.settings.close_timeout
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while any(database.ledger.loans()):  # noqa: ASYNC110 - bounded
                await asyncio.sleep(0.01)
    leaked = [loan.pid for loan in database.ledger.loans() if loan.pid]
    if not leaked:
        return
    logger.warning("still lent after %s s, ended: %s", patience, leaked)
    try:
        await database.monitor.terminate(leaked)
    except (OSError, asyncpg.PostgresError) as error:
        logger.warning("the server did not end them: %s", error or "timeout")


async def _close_pool(pool: asyncpg.Pool, patience: float) -> None:
    try:
        async with asyncio.timeout(patience):
            await pool.close()  # terminates the pool where it is interrupted
    except TimeoutError:
        logger.warning("the asyncpg pool was terminated")


def connect_args(settings: Settings) -> dict[str, Any]:
    """Say the same to either driver in its own words."""
    name = settings.connection_name(ENGINE)
    milliseconds = str(int(settings.statement_timeout * 1000))
    if settings.engine_url.get_driver_name() == "psycopg":
        return {
            "application_name": name,
            "options": f"-c statement_timeout={milliseconds}",
            "connect_timeout": int(settings.connect_timeout),
        }
    return {
        "server_settings": {
            "application_name": name,
            "statement_timeout": milliseconds,
        },
        "timeout": settings.connect_timeout,
    }


async def get_database(request: Request) -> Database:
    """Hand the open database to a handler."""
    return request.state.database  # type: ignore[no-any-return]


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Lend a session for one transaction; it is closed on every path."""
    database: Database = request.state.database
    async with AsyncSession(
        database.engine, expire_on_commit=False
    ) as session:
        yield session


async def get_reader(request: Request) -> AsyncIterator[AsyncSession]:
    """Lend a session for single statements that only read."""
    database: Database = request.state.database
    async with AsyncSession(database.reader) as session:
        yield session


DatabaseDep = Annotated[Database, Depends(get_database)]
# With FastAPI's default, scope="request", a dependency holds its connection
# until the response has been sent and its background tasks have run.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReaderDep = Annotated[AsyncSession, Depends(get_reader, scope="function")]
