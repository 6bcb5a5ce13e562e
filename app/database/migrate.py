"""Bring the database's tables to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


class MigrationError(Exception):
    """No migration leads to the given revision."""


def migrate(revision: str = "head") -> None:
    """Run the migrations up to a revision.

    The database is the one of the settings, from `DATABASE_URL`.

    Raises:
        MigrationError: there is no such revision, or it is base, to which
            no migration leads up.

    """
    if revision == "base":
        message = "base is before all revisions: use `alembic downgrade base`"
        raise MigrationError(message)
    try:
        command.upgrade(Config(toml_file=PYPROJECT), revision)
    except CommandError as error:
        raise MigrationError(str(error)) from error
