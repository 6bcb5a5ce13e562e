"""The migrations make what the models describe, and take it back."""

from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import make_url

from app.database.migrate import PYPROJECT, migrate
from tests.conftest import ScratchDatabase


@pytest.fixture
def url(
    scratch_database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """An empty database, which is the settings' own."""
    with scratch_database() as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield url


@pytest.fixture
def alembic() -> Config:
    return Config(toml_file=PYPROJECT)


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        return {name for (name,) in found}


def test_upgrading_makes_the_tables(url: str) -> None:
    migrate()

    assert tables(url) == {
        "orders",
        "order_items",
        "metrics",
        "alembic_version",
    }


def test_upgrading_twice_does_no_harm(url: str) -> None:
    migrate()
    migrate()

    assert "orders" in tables(url)


def test_downgrading_leaves_nothing(url: str, alembic: Config) -> None:
    migrate()

    command.downgrade(alembic, "base")

    assert tables(url) == {"alembic_version"}


def test_what_was_downgraded_can_be_upgraded(
    url: str, alembic: Config
) -> None:
    migrate()
    command.downgrade(alembic, "base")

    migrate()

    assert "orders" in tables(url)


@pytest.mark.usefixtures("url")
def test_models_and_migrations_agree(alembic: Config) -> None:
    migrate()

    command.check(alembic)


@pytest.mark.parametrize(
    "scheme", ["postgresql", "postgresql+asyncpg", "postgresql+psycopg"]
)
def test_either_driver_migrates_and_knows_sslmode(
    url: str, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    asked = make_url(url).set(drivername=scheme)
    asked = asked.update_query_dict({"sslmode": "prefer"})
    monkeypatch.setenv(
        "DATABASE_URL", asked.render_as_string(hide_password=False)
    )

    migrate()

    assert "orders" in tables(url)


def test_a_failed_migration_changes_nothing(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE orders (id int)")

    with pytest.raises(Exception, match="already exists"):
        migrate()

    assert "metrics" not in tables(url)
