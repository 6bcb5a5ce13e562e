"""Bring the database's tables to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def migrate(revision: str = "head") -> None:
    """Run the migrations up to a revision.

    The database is the settings' own, from `DATABASE_URL`.

    Raises:
        alembic.util.exc.CommandError: there is no such revision.

    """
    command.upgrade(Config(toml_file=PYPROJECT), revision)
