"""What a command needs before it begins: a voice, and a database."""

import asyncio
import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from app.budget import DatabaseUnreachableError, check_budget
from app.invocation import APP
from app.migrate import migrate
from app.monitor import Monitor
from app.seed import seed
from app.settings import Settings

say = Console(
    stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True
).print


@contextmanager
def database() -> Iterator[Settings]:
    """Use DATABASE_URL, or an embedded server for as long as it is needed."""
    if os.environ.keys() & {"DATABASE_URL", "DATABASE_DIRECT_URL"}:
        yield Settings()
        return
    try:
        from app.lab.embedded import embedded_postgres  # noqa: PLC0415
    except ImportError:
        say("error: set DATABASE_URL, or install the lab's packages")
        raise typer.Exit(2) from None
    with embedded_postgres() as url:
        os.environ["DATABASE_URL"] = url
        settings = Settings()
        migrate()
        asyncio.run(seed(settings.direct_dsn, today(), lambda _: None))
        yield settings


async def check_server(settings: Settings) -> None:
    """Refuse to start where the database is away, too small or empty."""
    monitor = Monitor(settings.direct_dsn, settings.application_name)
    try:
        await check_budget(settings, monitor)
        found = await monitor.fetch("SELECT to_regclass('orders') AS orders")
        if found[0]["orders"] is None:
            message = f"the database has no tables: run `{APP} migrate`"
            raise DatabaseUnreachableError(message)
    finally:
        await monitor.close()


def today() -> dt.date:
    """Answer the day up to which the shop has figures."""
    return dt.datetime.now(dt.UTC).date()
