"""What each driver sets on the server's side of its connections."""

import pytest
from sqlalchemy import text

from tests.conftest import Service


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_the_server_ends_statements_after_the_settings_seconds(
    production: Service,
) -> None:
    seconds = production.database.settings.statement_timeout
    shown = text("SELECT setting FROM pg_settings WHERE name = :name")

    async with production.database.engine.connect() as connection:
        timeout = await connection.scalar(shown, {"name": "statement_timeout"})

    assert timeout == f"{1000 * seconds:.0f}"
