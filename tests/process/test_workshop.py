"""`workshop`: from the first command to the summary, as a trainee goes."""

import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import psycopg
import pytest

from app import analytics, orders
from app.api import LESSONS
from lab.workshop.exercise import exercise_of, solution_of
from lab.workshop.quiz import options
from tests.process.command import (
    A_MINUTE,
    ROOT,
    free_port,
    responds,
    run_here,
    running,
    wait_until,
)

Workshop = Callable[..., CompletedProcess[str]]
NAMES = ", ".join(lesson.name for lesson in LESSONS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a trainee works."""
    shutil.copy(ROOT / "flags.json", tmp_path)
    return tmp_path


@pytest.fixture
def workshop(folder: Path, server_url: str) -> Workshop:
    """Runs one of the commands to its end, in that folder."""

    def command(*arguments: str) -> CompletedProcess[str]:
        return run_here(
            "workshop",
            *arguments,
            folder=folder,
            DATABASE_URL=server_url,
            COLUMNS="400",
        )

    return command


def saved(folder: Path, name: str = "analytics") -> Path:
    return folder / f"workshop/{name}.py"


def test_a_lesson_is_started_found_guessed_and_summed_up(
    workshop: Workshop, folder: Path
) -> None:
    [leak] = exercise_of(analytics.lesson).leaks

    started = workshop("start", "analytics", "--no-serve")
    assert started.returncode == 0, started.stderr
    assert saved(folder).read_text() == exercise_of(analytics.lesson).text
    for scenario in analytics.lesson.scenarios:
        url = f"127.0.0.1:8000/exercise/analytics{scenario.path}"
        assert url in started.stdout

    saved(folder).write_text(f"# mine\n{saved(folder).read_text()}")
    found = workshop("find", "analytics", str(leak.line + 1))
    assert (found.returncode, found.stdout[:6]) == (0, "Right.")

    seen = workshop("quiz", "analytics", "--answer", right_answer())
    assert seen.returncode == 0
    assert f"{analytics.lesson.trap.why[1:]}." in seen.stdout
    assert f"{analytics.lesson.alternative_cure.why[1:]}." in seen.stdout

    shown = workshop("solution", "analytics", "--yes")
    assert "+    async with database.pool.acquire(" in shown.stdout

    written = workshop("summary", "--export", "certificate.txt")
    assert "0 of 17 lessons solved, 20 of 680 points" in written.stdout
    assert (folder / "certificate.txt").read_text() == written.stdout

    put_back = workshop("reset", "--all")
    assert put_back.returncode == 0
    assert not saved(folder).read_text().startswith("# mine")
    assert (folder / "workshop/analytics.py.bak").exists()
    assert (folder / "workshop/progress.json.bak").exists()


def right_answer() -> str:
    """The number of the quiz's right answer."""
    answers = [each.right for each in options(analytics.lesson)]
    return str(answers.index(True) + 1)


def test_a_file_that_is_no_utf_8_is_one_line_and_exit_code_2(
    workshop: Workshop, folder: Path
) -> None:
    workshop("start", "analytics", "--no-serve")
    saved(folder).write_text("# Käse\n", encoding="latin-1")

    refused = workshop("find", "analytics", "1")

    assert refused.returncode == 2
    assert refused.stderr.startswith("error: a file is not UTF-8: ")


def test_a_check_fails_and_then_passes(
    workshop: Workshop, folder: Path, server_url: str
) -> None:
    there = databases(server_url)
    workshop("next", "--no-serve")
    assert saved(folder, "orders").exists()
    [first, *_] = exercise_of(orders.lesson).leaks

    failed = workshop("check")
    assert failed.returncode == 1, failed.stderr
    assert f"10 × workshop/orders.py:{first.line} list_orders" in failed.stdout

    saved(folder, "orders").write_text(solution_of(orders.lesson))
    passed = workshop("check", "orders")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "orders: solved" in passed.stdout

    assert databases(server_url) == there


def test_watching_checks_again_when_the_file_is_saved(
    workshop: Workshop, folder: Path, server_url: str
) -> None:
    there = databases(server_url)
    workshop("start", "analytics", "--no-serve")
    with running(
        *("workshop", "check", "--watch"),
        folder=folder,
        DATABASE_URL=server_url,
        COLUMNS="400",
    ) as watching:
        wait_until(lambda: "not yet" in watching.printed)
        saved(folder).write_text("import nowhere\n")
        wait_until(lambda: "No module named 'nowhere'" in watching.printed)
        saved(folder).write_text(solution_of(analytics.lesson))
        wait_until(lambda: "analytics: solved" in watching.printed)

        watching.ctrl_c()

        assert watching.exit_code(A_MINUTE) == 0, watching.told
        wait_until(watching.is_all_gone)
        assert "Traceback" not in watching.told
    assert databases(server_url) == there


@pytest.mark.parametrize(
    "how",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)],
)
def test_a_check_that_is_interrupted_leaves_nothing(
    workshop: Workshop, folder: Path, server_url: str, how: signal.Signals
) -> None:
    there = databases(server_url)
    workshop("start", "analytics", "--no-serve")
    with running(
        "workshop", "check", folder=folder, DATABASE_URL=server_url
    ) as check:
        # Once its service runs, the check has begun.
        wait_until(lambda: check.children() or check.process.poll())

        (check.ctrl_c if how is signal.SIGINT else check.sigterm)()

        assert check.exit_code(2 * A_MINUTE) not in {0, 2}, check.told
        wait_until(check.is_all_gone)
        assert "Traceback" not in check.told
    assert databases(server_url) == there


@pytest.fixture
def served(folder: Path, database_url: str) -> Iterator[str]:
    """The port of a service that `start` has left in the foreground."""
    port = free_port()
    with running(
        *("workshop", "start", "analytics", "--port", str(port)),
        folder=folder,
        DATABASE_URL=database_url,
    ) as service:
        wait_until(
            lambda: (
                responds(port, "/exercise/analytics")
                or service.process.poll() is not None
            )
        )
        assert service.process.poll() is None, service.told
        assert "lab token" in service.told
        yield str(port)
        service.ctrl_c()
        service.exit_code(A_MINUTE)
        wait_until(service.is_all_gone)


def test_start_serves_the_file_and_follows_it(
    served: str, workshop: Workshop, folder: Path
) -> None:
    url = f"http://127.0.0.1:{served}/exercise/analytics/analytics"
    since = {"since": "2999-01-01"}
    assert httpx.get(url, params=since).json() == []
    saved(folder).write_text("(")

    assert httpx.get(url, params=since).status_code == 500

    again = workshop("start", "analytics", "--port", served)
    assert again.returncode == 0
    assert "serves the file already" in again.stderr


def test_a_port_that_is_taken_exits_2(workshop: Workshop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = workshop("start", "analytics", "--port", port)

    assert refused.returncode == 2
    assert f"error: another program listens on 127.0.0.1:{port}" in (
        refused.stderr
    )


def test_a_name_that_is_no_lesson_exits_2_and_says_which_there_are(
    workshop: Workshop,
) -> None:
    refused = workshop("start", "ordres")

    assert refused.returncode == 2
    assert f"no lesson ordres; there are {NAMES}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_broken_progress_file_is_kept_aside(
    workshop: Workshop, folder: Path
) -> None:
    (folder / "workshop").mkdir()
    (folder / "workshop/progress.json").write_text("{")

    listed = workshop("list")

    assert listed.returncode == 0
    assert "progress.json.broken" in listed.stderr
    assert (folder / "workshop/progress.json.broken").read_text() == "{"


def databases(server_url: str) -> set[str]:
    with psycopg.connect(server_url) as server:
        rows = server.execute("SELECT datname FROM pg_database").fetchall()
        return {name for (name,) in rows}
