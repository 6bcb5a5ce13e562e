"""Bring the database's tables to the newest revision."""

from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


class MigrationError(Exception):
    """No migration leads to what was asked for."""


def migrate(revision: str = "head") -> None:
    """Run the migrations up to a revision.

    The database is the settings' own, from `DATABASE_URL`.

    Raises:
        MigrationError: there is no such revision, or it is base, to which
            no migration leads up.

    """
    if revision == "base":
        message = "base is before all revisions: use `alembic downgrade base`"
        raise MigrationError(message)
    # Not above: that is a tenth of each command's start, and few migrate.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    try:
        command.upgrade(Config(toml_file=PYPROJECT), revision)
    except CommandError as error:
        raise MigrationError(str(error)) from error
