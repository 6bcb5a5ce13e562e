"""The command line: serve, migrate, seed, check, demo, bench.

Without DATABASE_URL each command uses an embedded PostgreSQL that is kept in
`.data/`, with tables and data made on first use.
"""

import asyncio
import datetime as dt
import json
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
import uvicorn
from alembic.util.exc import CommandError
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import DBAPIError
from uvicorn.config import LOGGING_CONFIG

from app.api import LESSONS
from app.budget import (
    BudgetExceededError,
    DatabaseUnreachableError,
    check_budget,
)
from app.lesson import Variant
from app.migrate import migrate as run_migrations
from app.monitor import Monitor
from app.seed import seed as fill
from app.settings import Settings
from app.watch import meeting_place

# The lab's packages are imported where they are used: `serve`, `migrate` and
# `seed` run without them, as in the container.

GRACE = 5
"""Seconds that requests have left once the service was asked to stop."""

cli = typer.Typer(
    help="An order service that shows connection-pool leaks, before and"
    " after. Without DATABASE_URL it uses an embedded PostgreSQL, kept in"
    " .data/, with tables and data made on first use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
say = Console(
    stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True
).print


@cli.command()
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port to listen on.")
    ] = 8000,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            envvar="WEB_CONCURRENCY",
            help="Processes that serve; each has pools of its own.",
        ),
    ] = 1,
) -> None:
    """Run the order service until Ctrl-C or SIGTERM."""
    os.environ["WEB_CONCURRENCY"] = str(workers)
    made = None if os.environ.get("LAB_TOKEN") else secrets.token_urlsafe()
    if made:
        os.environ["LAB_TOKEN"] = made
    with meeting_place(workers), database() as settings:
        if settings.lab_enabled and made:
            say(f"lab token: {made}")
        asyncio.run(check_server(settings))
        logging_config = deepcopy(LOGGING_CONFIG)
        logging_config["root"] = {"handlers": ["default"], "level": "INFO"}
        uvicorn.run(
            "app.main:create_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            timeout_graceful_shutdown=GRACE,
            access_log=False,
            log_config=logging_config,
        )


@cli.command()
def migrate(
    revision: Annotated[
        str, typer.Argument(help="How far to go; head is the newest.")
    ] = "head",
) -> None:
    """Create the tables, or bring them to the newest revision."""
    with database():
        run_migrations(revision)
    say(f"migrated to {revision}")


@cli.command()
def seed() -> None:
    """Fill the tables: 3,000 orders with items, 400 days of metrics.

    Filling twice does no harm: what is there stays.
    """
    with database() as settings:
        asyncio.run(fill(settings.direct_dsn, _today(), say))


@cli.command()
def check(
    lessons: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LESSON…]", help="Which; all if none."),
    ] = None,
    variant: Annotated[
        Variant | None,
        typer.Option(help="Which; both if none, each against its card."),
    ] = None,
    requests: Annotated[
        int, typer.Option(min=1, help="Requests of each scenario.")
    ] = 10,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests under way at once.")
    ] = 5,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, not a tree.")
    ] = False,
) -> None:
    """Send each lesson's scenarios, and count what does not come back.

    The service runs as a process of its own, its garbage collector switched
    off. Exit 0: nothing leaked; 1: leaked; 2: could not run. With both
    variants, exit 0 means that each before leaks and no after does.
    """
    from app.lab import check as lab  # noqa: PLC0415

    chosen = [lesson for lesson in LESSONS if lesson.name in (lessons or ())]
    unknown = set(lessons or ()) - {lesson.name for lesson in chosen}
    if unknown:
        known = ", ".join(lesson.name for lesson in LESSONS)
        message = f"no lesson {', '.join(sorted(unknown))}; there are {known}"
        raise typer.BadParameter(message)
    variants: tuple[Variant, ...] = (
        (variant,) if variant else ("before", "after")
    )
    with database() as settings:
        asyncio.run(check_server(settings))
        found = lab.run(
            chosen or LESSONS, variants, requests, concurrency, say
        )
    if as_json:
        print(json.dumps([asdict(outcome) for outcome in found], indent=2))
    else:
        Console(highlight=False).print(lab.tree(found))
    if variant:
        raise typer.Exit(any(outcome.leaked for outcome in found))
    raise typer.Exit(not all(outcome.as_stated for outcome in found))


@cli.command()
def demo(
    seconds: Annotated[
        int, typer.Option(min=10, help="How long each variant is loaded.")
    ] = 30,
    users: Annotated[int, typer.Option(min=1, help="Users at once.")] = 40,
    report: Annotated[
        Path, typer.Option(help="Folder for report.json.")
    ] = Path("report"),
) -> None:
    """Load the leaky and then the fixed service, and compare the two.

    Prints the write-up's last table with what it claims beside what this
    run measured. Exit 0 only if the demonstration holds: before exhausts its
    pools, after loses nothing.
    """
    from app.lab import demo as lab  # noqa: PLC0415

    with database():
        holds = lab.run(seconds, users, report)
    raise typer.Exit(not holds)


@cli.command()
def bench(
    seconds: Annotated[
        int, typer.Option(min=1, help="How long each round takes.")
    ] = 2,
    rounds: Annotated[
        int, typer.Option(min=1, help="Alternated rounds; medians count.")
    ] = 3,
) -> None:
    """Measure the fixed routes against raw asyncpg and the write-up's fix."""
    from app.lab import bench as lab  # noqa: PLC0415

    with database():
        lab.run(seconds, rounds)


@contextmanager
def database() -> Iterator[Settings]:
    """Use DATABASE_URL, or an embedded server for as long as it is needed."""
    if os.environ.get("DATABASE_URL"):
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
        run_migrations()
        asyncio.run(fill(settings.direct_dsn, _today(), lambda _: None))
        yield settings


async def check_server(settings: Settings) -> None:
    """Refuse to start where the database is away, too small or empty."""
    monitor = Monitor(settings.direct_dsn, settings.application_name)
    try:
        await check_budget(settings, monitor)
        found = await monitor.fetch("SELECT to_regclass('orders') AS orders")
        if found[0]["orders"] is None:
            message = "the database has no tables: run `python -m app migrate`"
            raise DatabaseUnreachableError(message)
    finally:
        await monitor.close()


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def main() -> None:
    """Run the command line; what went wrong is one line and exit code 2."""
    # SIGTERM unwinds like Ctrl-C, so that an embedded server stops as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        cli()
    except ValidationError as error:
        for wrong in error.errors():
            name = "_".join(str(part) for part in wrong["loc"]).upper()
            say(f"error: {name or 'settings'}: {wrong['msg']}")
        sys.exit(2)
    except asyncpg.UndefinedTableError:
        say("error: the database has no tables: run `python -m app migrate`")
        sys.exit(2)
    except (
        BudgetExceededError,
        DatabaseUnreachableError,
        ChildProcessError,
        CommandError,
        OSError,
    ) as error:
        say(f"error: {error}")
        sys.exit(2)
    except (asyncpg.PostgresError, DBAPIError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        say(f"error: cannot use the database: {reason}")
        sys.exit(2)


if __name__ == "__main__":
    main()
