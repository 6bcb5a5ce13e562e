"""A separate database for checks, dropped when they have ended.

So a service that leaks into the shop's database does not disturb a check, and
a trainee's file cannot change the shop's data.
"""

import asyncio
import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from app.database.migrate import migrate
from app.database.seed import seed
from app.settings import Settings

TIMEOUT = 30
"""Seconds to create or drop it."""


@contextmanager
def check_database(settings: Settings) -> Iterator[Settings]:
    """Create a database on the settings' server, with tables and orders.

    Raises:
        asyncpg.InsufficientPrivilegeError: the user may not create one.
        OSError: the server cannot be reached.

    """
    name = f"workshop_{uuid4().hex}"
    url = make_url(settings.server_url).set(database=name)
    asyncio.run(_execute(settings, f"CREATE DATABASE {name}"))
    try:
        with _environment(url.render_as_string(hide_password=False)):
            scratch = Settings()
            migrate()
        today = dt.datetime.now(dt.UTC).date()
        asyncio.run(seed(scratch.dsn, today, lambda _: None))
        yield scratch
    finally:
        asyncio.run(_execute(settings, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(settings: Settings, statement: str) -> None:
    connection = await asyncpg.connect(
        settings.direct_dsn, timeout=TIMEOUT, command_timeout=TIMEOUT
    )
    try:
        await connection.execute(statement)
    finally:
        await connection.close(timeout=TIMEOUT)


@contextmanager
def _environment(url: str) -> Iterator[None]:
    """Set DATABASE_URL, from which the migrations read their settings."""
    names = ("DATABASE_URL", "DATABASE_DIRECT_URL")
    kept = {name: os.environ.pop(name, None) for name in names}
    os.environ["DATABASE_URL"] = url
    try:
        yield
    finally:
        del os.environ["DATABASE_URL"]
        os.environ.update({k: v for k, v in kept.items() if v is not None})
