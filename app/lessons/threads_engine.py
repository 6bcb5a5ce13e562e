"""A synchronous engine, for lessons whose handlers run in threads.

The service itself does not use it. It is opened only where the lab is on. Its
pool is separate, so that these lessons do not exhaust the service's pools.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection
from sqlalchemy import Engine, create_engine
from sqlmodel import Session

import poolwatch
from app.database.connect import psycopg_arguments
from app.settings import Settings

THREADS = "threads"
"""The name of its pool in metrics and reports."""


@asynccontextmanager
async def open_threads_engine(
    settings: Settings, ledger: poolwatch.Ledger
) -> AsyncIterator[Engine]:
    """Open the engine, and close its connections at the end."""
    engine = create_engine(
        settings.psycopg_url,
        pool_size=settings.threads_pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout,
        pool_pre_ping=True,
        pool_recycle=settings.pool_recycle,
        connect_args=psycopg_arguments(settings, THREADS),
    )
    book = poolwatch.watch(engine, THREADS, ledger)
    book.knows_backends = not settings.behind_pgbouncer
    try:
        yield engine
    finally:
        # A session that a thread keeps closes when the thread ends, or never.
        for loan in list(book.loans.values()):
            await book.free_slot(loan)
        engine.dispose()
        ledger.close_book(book)


async def get_threads_engine(connection: HTTPConnection) -> Engine:
    """Return the engine to a handler."""
    return connection.state.threads_engine  # type: ignore[no-any-return]


ThreadsEngineDep = Annotated[Engine, Depends(get_threads_engine)]


def get_threads_session(engine: ThreadsEngineDep) -> Iterator[Session]:
    """Open and close a session, as in FastAPI's tutorial."""
    with Session(engine) as session:
        yield session


ThreadsSessionDep = Annotated[Session, Depends(get_threads_session)]
