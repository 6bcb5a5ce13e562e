"""Bring the database's tables to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def migrate(revision: str = "head") -> None:
    """Run the migrations up to a revision.

    The database is the settings' own, from `DATABASE_URL`.

    Raises:
        CommandError: there is no such revision, or it is base, to which
            no migration leads up.

    """
    if revision == "base":
        message = "base is before all revisions: use `alembic downgrade base`"
        raise CommandError(message)
    command.upgrade(Config(toml_file=PYPROJECT), revision)
