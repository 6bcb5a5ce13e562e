"""Settings: the pools' formula, the budget, and clear refusals."""

import os
from socket import gethostname

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import make_url

from app.database.budget import BudgetExceededError, check_budget
from app.database.connect import application_name
from app.database.monitor import Monitor
from app.database.pools import ENGINE, POOL
from app.lessons.threads_engine import THREADS
from app.settings import Settings
from tests.conftest import Service

URL = "postgresql://me:secret@db.internal/shop"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the environment must not change the defaults."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is_for(name: str) -> None:
    description = Settings.model_fields[name].description

    assert description
    assert description.endswith(".")


def test_pools_have_the_sizes_of_the_write_up() -> None:
    settings = Settings(database_url=URL)

    assert settings.pool_size == 20
    assert settings.max_overflow == 10
    assert settings.pool_min_size == 10
    assert settings.pool_timeout == 30
    assert settings.pool_recycle == 3600
    assert settings.pool_idle_lifetime == 300


def test_a_pool_is_workers_times_connections_and_a_buffer() -> None:
    settings = Settings(
        database_url=URL,
        pool_workers=5,
        pool_connections_per_worker=2,
        pool_buffer=1,
    )

    assert settings.pool_size == 5 * 2 + 1


def test_the_need_counts_processes_pools_overflow_and_monitor() -> None:
    settings = Settings(database_url=URL, web_concurrency=3)

    assert settings.connections_needed == 3 * (20 + 10 + 20 + 1)


def test_behind_pgbouncer_the_monitors_alone_need_the_server() -> None:
    settings = Settings(
        database_url="postgresql+psycopg://me:secret@bouncer:6432/shop",
        database_direct_url=URL,
        web_concurrency=3,
    )

    assert settings.connections_needed == 3
    assert settings.dsn == "postgresql://me:secret@bouncer:6432/shop"
    assert settings.direct_dsn == URL


def test_without_pgbouncer_the_pools_lead_to_the_server() -> None:
    settings = Settings(database_url=URL)

    assert not settings.behind_pgbouncer
    assert settings.direct_dsn == settings.dsn


def test_a_replica_is_named_after_its_host_unless_it_has_a_name() -> None:
    host = gethostname()[-20:]

    assert Settings(database_url=URL).replica_name == host
    assert Settings(database_url=URL, replica="one").replica_name == "one"


@pytest.mark.parametrize(
    "part", [ENGINE, POOL, THREADS, "monitor", "pages", "probe"]
)
def test_no_connections_name_is_longer_than_the_server_keeps(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 4_194_304)  # Linux's largest
    settings = Settings(
        database_url=URL, application_name="a" * 24, replica="r" * 20
    )

    assert len(application_name(settings, part)) <= 63


def test_the_lab_is_off_unless_switched_on() -> None:
    assert Settings(database_url=URL).lab_enabled is False


@pytest.mark.parametrize("token", [None, ""])
def test_a_lab_without_a_token_is_refused(token: str | None) -> None:
    with pytest.raises(ValidationError, match="LAB_ENABLED needs a LAB_TOKEN"):
        Settings(database_url=URL, lab_enabled=True, lab_token=token)


def test_names_are_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("POOL_TIMEOUT", "1.5")

    assert Settings().pool_timeout == 1.5


def test_an_empty_variable_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("POOL_TIMEOUT", "")

    assert Settings().pool_timeout == 30


@pytest.mark.parametrize(
    ("scheme", "driver"),
    [
        ("postgresql", "asyncpg"),
        ("postgresql+asyncpg", "asyncpg"),
        ("postgresql+psycopg", "psycopg"),
    ],
)
def test_the_scheme_chooses_the_driver(scheme: str, driver: str) -> None:
    settings = Settings(database_url=URL.replace("postgresql", scheme))

    assert settings.engine_url.get_driver_name() == driver
    assert settings.dsn == URL


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("mysql://me:secret@db.internal/shop", "mysql: wanted one of"),
        ("postgres://me:secret@db.internal/shop", "postgres: wanted one of"),
        ("postgresql+psycopg2://me:secret@x/y", "postgresql.psycopg2: wanted"),
        ("me:secret@db.internal", "no URL: wanted postgresql://"),
        ("postgresql://me:x@y:secret@db/shop", "no URL: .* percent-encoded"),
        ("postgresql://me:secret@db:99999/shop", "port: wanted 1 to"),
        (f"{URL}?sslmode=bogus", "sslmode bogus: wanted one of disable"),
    ],
)
def test_another_url_is_refused_without_the_secret(
    url: str, named: str
) -> None:
    with pytest.raises(ValidationError, match=named) as refused:
        Settings(database_url=url)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_tls_is_asked_for_as_libpq_does(driver: str) -> None:
    url = f"{URL}?sslmode=verify-full&sslrootcert=/ca.pem"
    settings = Settings(
        database_url=url.replace("postgresql", f"postgresql+{driver}")
    )

    known_to_sqlalchemy = "sslmode" in settings.engine_url.query
    assert known_to_sqlalchemy == (driver == "psycopg")
    assert settings.psycopg_url.query["sslmode"] == "verify-full"
    assert "sslmode=verify-full" in settings.dsn
    assert "sslrootcert=%2Fca.pem" in settings.direct_dsn


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The tests' own, with libpq's sslmode."""
    url = make_url(settings.database_url.get_secret_value())
    asked = url.update_query_dict({"sslmode": "prefer"})
    secret = SecretStr(asked.render_as_string(hide_password=False))
    return settings.model_copy(update={"database_url": secret})


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize(
    "path", ["/orders", "/orders/1/parcel", "/before/archive/orders/1"]
)
async def test_every_engine_connects_where_sslmode_is_given(
    service: Service, path: str
) -> None:
    assert (await service.client.get(path)).status_code == 200


def test_secrets_are_not_shown() -> None:
    settings = Settings(database_url=URL, lab_token="hush")

    assert "secret" not in repr(settings)
    assert "hush" not in repr(settings)


async def test_pools_that_fit_the_server_are_accepted(
    database_url: str,
) -> None:
    settings = Settings(database_url=database_url)
    monitor = Monitor(settings.dsn, "budget")

    await check_budget(settings, monitor)

    await monitor.close()


async def test_pools_that_do_not_fit_are_refused_with_the_sum(
    database_url: str,
) -> None:
    settings = Settings(database_url=database_url, web_concurrency=50)
    monitor = Monitor(settings.dsn, "budget")
    [row] = await monitor.fetch("SHOW max_connections")
    most = row["max_connections"]

    with pytest.raises(BudgetExceededError) as refused:
        await check_budget(settings, monitor)

    await monitor.close()
    said = str(refused.value)
    assert "50 process(es) × (20 + 10 engine + 20 asyncpg + 1 monitor)" in said
    assert "= 2550 connections" in said
    assert f"the server allows {most} - " in said
    assert "WEB_CONCURRENCY" in said
