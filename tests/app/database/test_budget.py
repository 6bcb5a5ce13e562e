"""The sizing rule: who may open how many connections, and what would fit."""

import psycopg
import pytest

from app.database.budget import Budget, Limits, ask_limits
from app.database.monitor import Monitor
from app.settings import Settings
from tests.conftest import ScratchDatabase
from tests.process.command import run_here


def plan(
    *, replicas: int = 3, workers: int = 2, limits: Limits | None = None
) -> Budget:
    settings = Settings(
        database_url="postgresql://me@nowhere/shop", web_concurrency=workers
    )
    return Budget(settings, limits or Limits(), replicas)


def test_without_pgbouncer_each_process_has_pools_and_a_monitor() -> None:
    assert plan().direct == 3 * 2 * (20 + 10 + 20 + 1)


def test_through_pgbouncer_the_server_sees_its_pool_and_the_monitors() -> None:
    assert plan().through_pgbouncer(25) == 25 + 3 * 2 * 1


def test_pgbouncer_bears_the_pools_and_a_probe_of_each_process() -> None:
    assert plan().clients == 3 * 2 * (20 + 10 + 20 + 1)


@pytest.mark.parametrize("free", range(1, 60))
def test_the_largest_pool_fits_and_one_larger_does_not(free: int) -> None:
    small = plan(replicas=1, limits=Limits(free, 0))

    def needs(size: int) -> int:
        return 2 * (size + size // 2 + size + 1)

    assert needs(small.largest_pool + 1) > free
    if small.largest_pool:
        assert needs(small.largest_pool) <= free


@pytest.mark.parametrize("free", range(1, 20))
def test_the_largest_pgbouncer_pool_fits_and_one_larger_does_not(
    free: int,
) -> None:
    small = plan(limits=Limits(free, 0))
    largest = small.largest_pgbouncer_pool

    assert small.through_pgbouncer(largest + 1) > free
    if largest:
        assert small.through_pgbouncer(largest) <= free


async def test_the_limits_are_the_servers(database_url: str) -> None:
    settings = Settings(database_url=database_url)
    monitor = Monitor(settings.dsn, "budget")
    with psycopg.connect(settings.dsn) as server:

        def shown(name: str) -> int:
            [value] = server.execute(f"SHOW {name}").fetchone() or [0]
            return int(value)

        most = shown("max_connections")
        reserved = shown("superuser_reserved_connections")
        if server.info.server_version >= 160000:
            reserved += shown("reserved_connections")

    assert await ask_limits(settings, monitor) == Limits(most, reserved)

    await monitor.close()


async def test_a_start_waits_for_a_server_that_a_probe_would_not_wait_for(
    scratch_database: ScratchDatabase,
) -> None:
    with scratch_database() as url:
        settings = Settings(database_url=url)
        with psycopg.connect(settings.dsn) as server:
            if server.info.server_version < 170000:
                pytest.skip("PostgreSQL before 17 has no login triggers")
            server.execute(
                "CREATE FUNCTION be_slow() RETURNS event_trigger"
                " LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); END'"
            )
            server.execute(
                "CREATE EVENT TRIGGER slow ON login EXECUTE FUNCTION be_slow()"
            )
        assert Monitor.TIMEOUT < 1 < settings.connect_timeout
        monitor = Monitor(settings.dsn, "budget")

        with pytest.raises(TimeoutError):
            await monitor.limits()
        assert (await ask_limits(settings, monitor)).free > 0

        await monitor.close()


def test_the_command_refuses_what_does_not_fit_on_one_line() -> None:
    refused = run_here("budget", "--replicas", "3", "--workers", "2")

    assert refused.returncode == 2
    assert refused.stderr == (
        "error: 312 connections do not fit into 100 - 3 reserved = 97\n"
    )
    for number in ("30", "60", "180", "40", "120", "312", "32"):
        assert f" {number} " in refused.stdout
    assert "PostgreSQL's defaults: no server was asked" in refused.stdout
    assert "Without PgBouncer a pool size of 5 fits" in refused.stdout


def test_the_command_counts_the_labs_pool_and_wants_no_token() -> None:
    refused = run_here(
        "budget", "--replicas=3", "--workers=2", LAB_ENABLED="true"
    )

    assert refused.stderr.startswith("error: 348 connections do not fit")


def test_the_command_asks_the_server_that_it_is_given(
    database_url: str,
) -> None:
    with psycopg.connect(database_url) as server:
        [most] = server.execute("SHOW max_connections").fetchone() or [0]

    accepted = run_here("budget", DATABASE_URL=database_url)

    assert accepted.returncode == 0, accepted.stderr
    assert f"{most} - " in accepted.stdout
    assert "as the server says" in accepted.stdout


@pytest.mark.parametrize(("most", "code"), [("35", 0), ("34", 2)])
def test_behind_pgbouncer_its_pool_and_the_monitors_have_to_fit(
    most: str, code: int
) -> None:
    shown = run_here(
        "budget",
        "--replicas=3",
        "--workers=2",
        f"--max-connections={most}",
        DATABASE_URL="postgresql://me@bouncer:6432/shop",
        DATABASE_DIRECT_URL="postgresql://me@db/shop",
    )

    assert shown.returncode == code, shown.stderr
