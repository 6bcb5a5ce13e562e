"""A database of the check's own, gone when the check has ended.

What others do in theirs, a service full of leaks above all, then stands in
nobody's way; and what trainees' files write harms nothing.
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

SECONDS = 30
"""What the server may take to make or drop it."""


@contextmanager
def scratch_database(settings: Settings) -> Iterator[Settings]:
    """Make one beside the settings' own, with tables and orders.

    Raises:
        asyncpg.InsufficientPrivilegeError: the user may make none.
        OSError: the server cannot be reached.

    """
    name = f"workshop_{uuid4().hex}"
    url = make_url(settings.server_url).set(database=name)
    asyncio.run(_tell(settings, f"CREATE DATABASE {name}"))
    try:
        with _environment(url.render_as_string(hide_password=False)):
            scratch = Settings()
            migrate()
        today = dt.datetime.now(dt.UTC).date()
        asyncio.run(seed(scratch.dsn, today, lambda _: None))
        yield scratch
    finally:
        asyncio.run(_tell(settings, f"DROP DATABASE {name} WITH (FORCE)"))


async def _tell(settings: Settings, statement: str) -> None:
    connection = await asyncpg.connect(
        settings.direct_dsn, timeout=SECONDS, command_timeout=SECONDS
    )
    try:
        await connection.execute(statement)
    finally:
        await connection.close(timeout=SECONDS)


@contextmanager
def _environment(url: str) -> Iterator[None]:
    """The migrations read their settings themselves."""
    names = ("DATABASE_URL", "DATABASE_DIRECT_URL")
    kept = {name: os.environ.pop(name, None) for name in names}
    os.environ["DATABASE_URL"] = url
    try:
        yield
    finally:
        del os.environ["DATABASE_URL"]
        os.environ.update({k: v for k, v in kept.items() if v is not None})
