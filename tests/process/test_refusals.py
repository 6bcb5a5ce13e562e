"""What cannot run says why on one line, and exits with 2."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import psycopg
import pytest
from sqlalchemy import make_url

from app import api
from app.__main__ import cli as app
from app.cli.run import run as run_command_line
from lab.__main__ import cli as lab
from tests.conftest import ScratchDatabase
from tests.process.command import (
    SERVICE_COMMANDS,
    SETTINGS,
    free_port,
    run,
    wait_until,
)

LESSONS = ", ".join(lesson.name for lesson in api.LESSONS)
AWAY = "postgresql://shop:hunter2@127.0.0.1:9/shop"
"""Port 9, discard: nobody listens there."""


@pytest.fixture(autouse=True)
def signals_kept() -> Iterator[None]:
    """A command line sets handlers; these tests run it in their process."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def refusal(*arguments: str, **settings: str) -> str:
    """Run a command in this process, and return what it told."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in SETTINGS
    }
    if arguments[0] == "serve" and "--port" not in arguments:
        arguments += ("--port", str(free_port()))
    told = StringIO()
    with (
        patch.dict(os.environ, inherited | settings, clear=True),
        patch.object(sys, "argv", ["command", *arguments]),
        redirect_stderr(told),
        pytest.raises(SystemExit) as ended,
    ):
        run_command_line(app if arguments[0] in SERVICE_COMMANDS else lab)
    assert ended.value.code == 2, told.getvalue()
    return told.getvalue()


def one_line(*arguments: str, **settings: str) -> str:
    """Run a command in this process, and return the line of its refusal."""
    told = refusal(*arguments, **settings)
    assert_is_one_line(told)
    return told


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["sreve"], "No such command 'sreve'"),
        (["check", "ordres"], f"no lesson ordres; there are {LESSONS}"),
        (["check", "--variant", "during"], "'before', 'after'"),
        (["load", "http://"], "is not a URL"),
        (["load", "http://127.0.0.1:99999"], "is not a URL"),
        (["load", "http://127.0.0.1/api"], "is not a URL"),
        *(
            ([*command, value], "Invalid value")
            for value in ("inf", "nan", "1e12")
            for command in (
                ["load", "http://127.0.0.1:9", "--rate"],
                ["load", "http://127.0.0.1:9", "--seconds"],
                ["load", "http://127.0.0.1:9", "--timeout"],
                ["demo", "--rate"],
                ["demo", "--seconds"],
                ["demo", "--pool-timeout"],
            )
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_exits_2_and_says_what_is_wrong(
    arguments: list[str], reason: str
) -> None:
    told = refusal(*arguments, DATABASE_URL=AWAY, COLUMNS="300")

    assert reason in told


def test_a_wrong_scheme_exits_2_and_names_the_right_ones() -> None:
    told = one_line(
        "serve", DATABASE_URL="mysql://shop:hunter2@127.0.0.1/shop"
    )

    assert "DATABASE_URL" in told
    assert "postgresql+psycopg" in told


def test_a_password_that_breaks_its_url_is_not_told() -> None:
    told = one_line("serve", DATABASE_URL="postgresql://u:p@ss:hunter2@h/shop")

    assert "percent-encoded" in told


@pytest.mark.parametrize("command", ["serve", "seed", "check"])
def test_a_certificate_that_is_not_there_exits_2(
    tmp_path: Path, command: str
) -> None:
    told = one_line(
        command, DATABASE_URL=f"{AWAY}?sslmode=verify-full", HOME=str(tmp_path)
    )

    assert "root.crt" in told


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

    told = one_line(command, DATABASE_URL=url)

    assert "127.0.0.1" in told


@pytest.mark.parametrize("command", ["seed", "migrate"])
def test_a_database_that_is_not_there_exits_2(
    server_url: str, command: str
) -> None:
    missing = make_url(server_url).set(database="nowhere")
    url = missing.render_as_string(hide_password=False)

    told = one_line(command, DATABASE_URL=url)

    assert '"nowhere"' in told


@pytest.mark.parametrize("command", ["serve", "seed", "check"])
def test_a_database_without_tables_exits_2_and_says_what_to_do(
    scratch_database: ScratchDatabase, command: str
) -> None:
    with scratch_database() as empty:
        told = one_line(command, DATABASE_URL=empty)

    assert "python -m app migrate" in told


def test_an_unknown_revision_exits_2(database_url: str) -> None:
    told = one_line("migrate", "nowhere", DATABASE_URL=database_url)

    assert "nowhere" in told


def test_to_take_the_tables_back_exits_2_and_says_who_does(
    database_url: str,
) -> None:
    told = one_line("migrate", "base", DATABASE_URL=database_url)

    assert "alembic downgrade base" in told


def test_pools_that_do_not_fit_exit_2_and_show_the_sum(
    database_url: str,
) -> None:
    told = one_line("serve", DATABASE_URL=database_url, POOL_WORKERS="100")

    assert "(308 + 154 engine + 308 asyncpg + 1 monitor) = 771" in told


def test_pools_that_do_not_fit_are_not_opened(
    scratch_database: ScratchDatabase, database_url: str
) -> None:
    with (
        scratch_database() as untouched,
        psycopg.connect(database_url, autocommit=True) as server,
    ):
        one_line("serve", DATABASE_URL=untouched, POOL_WORKERS="100")

        def sessions() -> int:
            found = server.execute(
                "SELECT sessions FROM pg_stat_database WHERE datname = %s",
                [make_url(untouched).database],
            )
            return sum(count for (count,) in found)

        wait_until(sessions)  # counted when it has ended
        assert sessions() == 1


@pytest.fixture
def silent() -> Iterator[str]:
    """A database that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        yield f"postgresql://shop:hunter2@127.0.0.1:{port}/shop"


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("command", ["migrate", "serve", "seed", "check"])
def test_a_silent_database_is_a_timeout_that_names_it(
    silent: str, command: str, driver: str
) -> None:
    told = one_line(
        command,
        DATABASE_URL=silent.replace("sql:", f"sql+{driver}:"),
        CONNECT_TIMEOUT="0.2",
    )

    assert "cannot use the database" in told
    assert "127.0.0.1" in told
    assert "timeout" in told


@pytest.mark.parametrize("command", ["migrate", "serve", "seed"])
def test_a_refused_connection_names_the_database(command: str) -> None:
    told = one_line(command, DATABASE_URL=AWAY)

    assert told == (
        "error: cannot use the database at 127.0.0.1:9: connection refused\n"
    )


@pytest.mark.parametrize(
    "name",
    [
        *("POOL_TIMEOUT", "POOL_RECYCLE", "POOL_IDLE_LIFETIME"),
        *("CONNECT_TIMEOUT", "STATEMENT_TIMEOUT", "CLOSE_TIMEOUT"),
    ],
)
@pytest.mark.parametrize("value", ["inf", "nan", "1e400", "1e12", "0", "1e-9"])
def test_a_bound_that_is_none_is_refused(name: str, value: str) -> None:
    told = one_line("serve", DATABASE_URL=AWAY, **{name: value})

    assert told.startswith(f"error: {name}: ")


@pytest.fixture
def taken_port() -> Iterator[str]:
    """A port that another program has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield str(taken.getsockname()[1])


def test_a_port_that_is_taken_is_named_with_its_option(
    database_url: str, taken_port: str
) -> None:
    told = one_line("serve", "--port", taken_port, DATABASE_URL=database_url)

    assert told == (
        f"error: 127.0.0.1:{taken_port}: address already in use;"
        " choose another --port\n"
    )


def test_a_taken_port_ends_a_real_process_with_2(
    database_url: str, taken_port: str
) -> None:
    refused = run("serve", "--port", taken_port, DATABASE_URL=database_url)

    assert refused.returncode == 2
    assert_is_one_line(refused.stderr)


def test_poolwatchs_port_that_is_taken_is_named(
    database_url: str, taken_port: str
) -> None:
    told = one_line(
        "serve", DATABASE_URL=database_url, POOLWATCH_PORT=taken_port
    )

    assert told == (
        f"error: 127.0.0.1:{taken_port}: address already in use;"
        " choose another POOLWATCH_PORT\n"
    )


@pytest.mark.parametrize("folder", ["", "shared"])
def test_an_address_of_another_machine_is_refused(
    database_url: str, tmp_path: Path, folder: str
) -> None:
    told = one_line(
        "serve",
        DATABASE_URL=database_url,
        POOLWATCH_HOST="192.0.2.1",
        POOLWATCH_PORT=str(free_port()),
        POOLWATCH_FOLDER=str(tmp_path / folder) if folder else "",
    )

    assert "192.0.2.1" in told
    assert told.endswith(
        "cannot assign requested address; choose another POOLWATCH_HOST\n"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no.invalid"])
def test_a_host_that_is_not_here_is_named(
    database_url: str, host: str
) -> None:
    told = one_line("serve", "--host", host, DATABASE_URL=database_url)

    assert told.startswith(f"error: {host}:")
    assert told.endswith("choose another --host\n")


@pytest.mark.parametrize("name", ["file", "file/below", "x" * 100])
def test_a_folder_that_no_worker_can_use_is_named(
    database_url: str, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").touch()

    told = one_line(
        "serve",
        DATABASE_URL=database_url,
        POOLWATCH_FOLDER=str(tmp_path / name),
    )

    assert told.startswith(f"error: POOLWATCH_FOLDER {tmp_path / name}: ")


@pytest.mark.parametrize(
    "names", ["shop.example:8000", "http://shop.example", "a b", "a,,b"]
)
def test_a_host_name_that_is_none_is_refused(names: str) -> None:
    told = one_line("serve", DATABASE_URL=AWAY, ALLOWED_HOSTS=names)

    assert told.startswith("error: ALLOWED_HOSTS: ")


def assert_is_one_line(told: str) -> None:
    assert len(told.splitlines()) == 1, told
    assert told.startswith("error: ")
    assert "hunter2" not in told
