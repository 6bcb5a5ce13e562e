"""PgBouncer's configuration agrees with the service's own settings."""

from configparser import ConfigParser

import pytest

from app.cli.budget import POOLER
from app.database.budget import Budget, Limits
from app.settings import Settings

DEFAULTS = Settings(
    database_url="postgresql://service@db/orders", web_concurrency=2
)
"""What the `scale` profile runs, three times."""


@pytest.fixture(scope="module")
def file() -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read("ops/pgbouncer/pgbouncer.ini")
    return parser


def test_the_command_counts_with_its_pool_size(file: ConfigParser) -> None:
    assert file.getint("pgbouncer", "default_pool_size") == POOLER


def test_it_bears_three_replicas_of_two_workers(file: ConfigParser) -> None:
    scale = Budget(DEFAULTS, Limits(), replicas=3)

    assert file.getint("pgbouncer", "max_client_conn") >= scale.clients
    assert scale.through_pgbouncer(POOLER) <= Limits().free


def test_it_bounds_statements_as_the_service_does(file: ConfigParser) -> None:
    milliseconds = int(DEFAULTS.statement_timeout * 1000)

    assert (
        f"'SET statement_timeout = {milliseconds}'" in file["databases"]["*"]
    )


def test_it_bounds_waits_as_the_service_does(file: ConfigParser) -> None:
    wait = file.getint("pgbouncer", "query_wait_timeout")

    assert wait == DEFAULTS.pool_timeout


def test_it_pools_transactions(file: ConfigParser) -> None:
    assert file["pgbouncer"]["pool_mode"] == "transaction"
