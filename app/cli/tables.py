"""The commands `migrate` and `seed`."""

import asyncio
from typing import Annotated

import typer

from app.cli.run import say
from app.cli.start import today
from app.database.migrate import migrate as run_migrations
from app.database.seed import seed as fill
from app.database.unreachable import named_in_errors
from app.settings import Settings


def migrate(
    revision: Annotated[
        str, typer.Argument(help="How far to go; head is the newest.")
    ] = "head",
) -> None:
    """Create the tables, or upgrade them to the newest revision."""
    run_migrations(revision)
    say(f"migrated to {revision}")


def seed() -> None:
    """Fill the tables: 3,000 orders with items, 400 days of metrics.

    Filling twice does no harm: what is there stays.
    """
    settings = Settings(lab_enabled=False)
    with named_in_errors(settings.direct_url):
        asyncio.run(fill(settings.direct_dsn, today(), say))
