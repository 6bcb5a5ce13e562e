"""What cannot run says why on one line, and exits with 2."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from app import api
from tests.conftest import ScratchDatabase
from tests.process.command import run, run_here, wait_until

LESSONS = ", ".join(lesson.name for lesson in api.LESSONS)
AWAY = "postgresql://shop:hunter2@127.0.0.1:9/shop"
"""Port 9, discard: nobody listens there."""


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["sreve"], "No such command 'sreve'"),
        (["check", "ordres"], f"no lesson ordres; there are {LESSONS}"),
        (["check", "--variant", "during"], "'before', 'after'"),
        (["load", "http://"], "is no URL"),
        (["load", "http://127.0.0.1:99999"], "is no URL"),
        (["load", "http://127.0.0.1/api"], "is no URL"),
        (["load", "http://127.0.0.1:9", "--rate", "inf"], "is no number"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_exits_2_and_says_what_is_wrong(
    arguments: list[str], reason: str
) -> None:
    refused = run_here(*arguments, DATABASE_URL=AWAY, COLUMNS="300")

    assert refused.returncode == 2
    assert reason in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wrong_scheme_exits_2_and_names_the_right_ones() -> None:
    refused = run("serve", DATABASE_URL="mysql://shop:hunter2@127.0.0.1/shop")

    assert_refused(refused.returncode, refused.stderr)
    assert "DATABASE_URL" in refused.stderr
    assert "postgresql+psycopg" in refused.stderr


def test_a_password_that_breaks_its_url_is_not_told() -> None:
    refused = run_here(
        "serve", DATABASE_URL="postgresql://u:p@ss:hunter2@h/shop"
    )

    assert_refused(refused.returncode, refused.stderr)
    assert "percent-encoded" in refused.stderr


@pytest.mark.parametrize("command", ["serve", "seed", "check"])
def test_a_certificate_that_is_not_there_exits_2(
    tmp_path: Path, command: str
) -> None:
    refused = run_here(
        command, DATABASE_URL=f"{AWAY}?sslmode=verify-full", HOME=str(tmp_path)
    )

    assert_refused(refused.returncode, refused.stderr)
    assert "root.crt" in refused.stderr


@pytest.mark.parametrize(
    ("command", "scheme"),
    [
        ("serve", "postgresql"),
        ("seed", "postgresql"),
        ("check", "postgresql"),
        ("migrate", "postgresql+psycopg"),
    ],
)
def test_a_server_that_is_away_exits_2(command: str, scheme: str) -> None:
    url = AWAY.replace("postgresql", scheme)

    refused = run_here(command, DATABASE_URL=url)

    assert_refused(refused.returncode, refused.stderr)
    assert "127.0.0.1" in refused.stderr


@pytest.mark.parametrize("command", ["seed", "migrate"])
def test_a_database_that_is_not_there_exits_2(
    server_url: str, command: str
) -> None:
    missing = make_url(server_url).set(database="nowhere")
    url = missing.render_as_string(hide_password=False)

    refused = run_here(command, DATABASE_URL=url)

    assert_refused(refused.returncode, refused.stderr)
    assert '"nowhere"' in refused.stderr


@pytest.mark.parametrize("command", ["serve", "seed", "check"])
def test_a_database_without_tables_exits_2_and_says_what_to_do(
    scratch_database: ScratchDatabase, command: str
) -> None:
    with scratch_database() as empty:
        refused = run_here(command, DATABASE_URL=empty)

    assert_refused(refused.returncode, refused.stderr)
    assert "python -m app migrate" in refused.stderr


def test_an_unknown_revision_exits_2(database_url: str) -> None:
    refused = run_here("migrate", "nowhere", DATABASE_URL=database_url)

    assert_refused(refused.returncode, refused.stderr)
    assert "nowhere" in refused.stderr


def test_to_take_the_tables_back_exits_2_and_says_who_does(
    database_url: str,
) -> None:
    refused = run_here("migrate", "base", DATABASE_URL=database_url)

    assert_refused(refused.returncode, refused.stderr)
    assert "alembic downgrade base" in refused.stderr


def test_pools_that_do_not_fit_exit_2_and_show_the_sum(
    database_url: str,
) -> None:
    refused = run_here("serve", DATABASE_URL=database_url, POOL_WORKERS="100")

    assert_refused(refused.returncode, refused.stderr)
    assert "(308 + 154 engine + 308 asyncpg + 1 monitor) = 771" in (
        refused.stderr
    )


def test_pools_that_do_not_fit_are_not_opened(
    scratch_database: ScratchDatabase, database_url: str
) -> None:
    with (
        scratch_database() as untouched,
        psycopg.connect(database_url, autocommit=True) as server,
    ):
        run_here("serve", DATABASE_URL=untouched, POOL_WORKERS="100")

        def sessions() -> int:
            found = server.execute(
                "SELECT sessions FROM pg_stat_database WHERE datname = %s",
                [make_url(untouched).database],
            )
            return sum(count for (count,) in found)

        wait_until(sessions)  # counted when it has ended
        assert sessions() == 1


def assert_refused(code: int, told: str) -> None:
    assert code == 2, told
    assert "Traceback" not in told
    assert len(told.splitlines()) == 1, told
    assert told.startswith("error: ")
    assert "hunter2" not in told
