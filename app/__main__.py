"""The command line: every command, and what it says when something is wrong.

Without DATABASE_URL each command uses an embedded PostgreSQL that is kept in
`.data/`, with tables and data made on first use; `budget` needs none.
"""

import signal
import sys

import asyncpg
import typer
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from app.budget import BudgetExceededError, DatabaseUnreachableError
from app.cli.budget import budget
from app.cli.demo import demo, report
from app.cli.lab import bench, bench_poolwatch, check
from app.cli.lessons import lessons
from app.cli.live import lab
from app.cli.load import load
from app.cli.service import migrate, seed, serve
from app.cli.start import say
from app.cli.workshop import workshop
from app.invocation import APP
from app.migrate import MigrationError

cli = typer.Typer(
    help="An order service that shows connection-pool leaks, before and"
    " after. Without DATABASE_URL it uses an embedded PostgreSQL, kept in"
    " .data/, with tables and data made on first use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    *(serve, migrate, seed, budget),
    *(lessons, lab, check, demo, report, load, bench, bench_poolwatch),
):
    cli.command()(command)
cli.add_typer(workshop, name="workshop")


def _end(*_: object) -> None:
    signal.raise_signal(signal.SIGTERM)


def main() -> None:
    """Run the command line; what went wrong is one line and exit code 2."""
    # SIGTERM unwinds like Ctrl-C, so that an embedded server stops as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup does
        signal.signal(signal.SIGHUP, _end)  # its terminal was closed
    try:
        cli()
    except ValidationError as error:
        for wrong in error.errors():
            name = "_".join(str(part) for part in wrong["loc"]).upper()
            say(f"error: {name or 'settings'}: {wrong['msg']}")
        sys.exit(2)
    except UnicodeDecodeError as error:
        say(f"error: a file is not UTF-8: {error}")
        sys.exit(2)
    except asyncpg.UndefinedTableError:
        say(f"error: the database has no tables: run `{APP} migrate`")
        sys.exit(2)
    except (
        BudgetExceededError,
        DatabaseUnreachableError,
        ChildProcessError,
        MigrationError,
        OSError,
    ) as error:
        say(f"error: {error}")
        sys.exit(2)
    except (
        asyncpg.PostgresError,
        asyncpg.ClientConfigurationError,
        DBAPIError,
    ) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        say(f"error: cannot use the database: {reason}")
        sys.exit(2)


if __name__ == "__main__":
    main()
