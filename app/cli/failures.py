"""Errors that a command line explains in one line, without a traceback."""

import asyncpg
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from app.database.budget import BudgetExceededError
from app.database.migrate import MigrationError
from app.database.unreachable import DatabaseUnreachableError
from app.invocation import APP


def explain(error: Exception) -> str | None:
    """Say what happened and what to do; None for a bug, which keeps its trace.

    Returns:
        One line, or one line for each setting that is wrong.

    """
    match error:
        case ValidationError():
            return "\nerror: ".join(map(_setting, error.errors()))
        case UnicodeDecodeError():
            return f"a file is not UTF-8: {error}"
        case asyncpg.UndefinedTableError():
            return f"the database has no tables: run `{APP} migrate`"
        case (
            BudgetExceededError()
            | DatabaseUnreachableError()
            | MigrationError()
            | OSError()
        ):
            return str(error) or "timeout"
        case (
            asyncpg.PostgresError()
            | asyncpg.ClientConfigurationError()
            | DBAPIError()
        ):
            reason = str(getattr(error, "orig", None) or error)
            return f"cannot use the database: {reason.splitlines()[0]}"
    return None


def _setting(wrong: object) -> str:
    """Name the environment variable, and what is wrong with it."""
    assert isinstance(wrong, dict)  # noqa: S101 - pydantic's ErrorDetails
    name = "_".join(str(part) for part in wrong["loc"]).upper()
    if wrong["type"] == "missing":
        return (
            f"{name} is not set; `python -m lab serve` brings an embedded"
            " PostgreSQL"
        )
    return f"{name or 'settings'}: {wrong['msg']}"
