"""The separate database of a check, on the server of the settings."""

import pytest
from sqlalchemy import make_url

from app.settings import Settings
from lab.workshop.check_database import check_database


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_it_uses_the_connection_settings(server_url: str, driver: str) -> None:
    url = make_url(server_url).update_query_dict({"sslmode": "disable"})
    asked = url.set(drivername=f"postgresql+{driver}")
    named = asked.render_as_string(hide_password=False)

    with check_database(Settings(database_url=named)) as scratch:
        database = make_url(scratch.dsn).database

    assert database != url.database
    assert scratch.engine_url.get_driver_name() == driver
    assert "sslmode=disable" in scratch.dsn
