"""Without DATABASE_URL: a server in `.data/`, there while it is needed."""

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import pytest

from tests.process.command import (
    ROOT,
    Command,
    run,
    running,
    serving,
    wait_until,
)

# pytest's own tmp_path is made private again whenever a pytest begins, under
# a server that runs as a user of its own.


@contextmanager
def made_folder() -> Iterator[Path]:
    """A folder as `git clone` leaves it; no server outlives it."""
    with TemporaryDirectory(prefix="embedded-") as name:
        folder = Path(name)
        shutil.copy(ROOT / "flags.json", folder)
        yield folder
        for server in servers(folder):
            server.kill()
            server.wait()


@pytest.fixture
def new_folder() -> Iterator[Path]:
    """No command has been used in it."""
    with made_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """It has data; its server does not run."""
    with made_folder() as folder:
        run("migrate", folder=folder)
        yield folder


def servers(folder: Path) -> list[psutil.Process]:
    """The PostgreSQL servers that run on a folder's data."""
    data = str(folder / ".data" / "postgres")
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if data in (process.info["cmdline"] or ())
    ]


@pytest.mark.slow
def test_the_first_use_makes_tables_and_data(folder: Path) -> None:
    seed = run("seed", folder=folder)

    assert "orders: 3000 there already" in seed.stderr
    assert "metrics: 0 days stored, 400 there already" in seed.stderr


def test_serve_answers_and_its_end_stops_the_server(folder: Path) -> None:
    with serving(folder=folder) as service:
        answer = httpx.get(f"{service.url}/orders/1")
        assert servers(folder)

        service.sigterm()
        service.exit_code()

    assert answer.status_code == 200
    assert not servers(folder)


@pytest.mark.slow
def test_two_share_the_server_until_the_last_has_ended(folder: Path) -> None:
    with serving(folder=folder) as first, serving(folder=folder) as second:
        first.sigterm()
        first.exit_code()

        assert httpx.get(f"{second.url}/orders/1").status_code == 200

        second.sigterm()
        second.exit_code()

    assert not servers(folder)


@pytest.mark.slow
def test_a_user_that_was_killed_does_not_keep_it_running(
    folder: Path,
) -> None:
    with serving(folder=folder) as service:
        service.process.kill()
        service.exit_code()
    assert servers(folder)

    run("seed", folder=folder)

    assert not servers(folder)


@pytest.mark.slow
def test_a_user_that_is_killed_beside_another_does_not_keep_it_running(
    folder: Path,
) -> None:
    with serving(folder=folder) as killed, serving(folder=folder) as other:
        killed.process.kill()
        killed.exit_code()
        other.sigterm()
        other.exit_code()

    assert not servers(folder)


@pytest.mark.slow
def test_two_first_uses_at_once_share_one_server(new_folder: Path) -> None:
    with (
        running("seed", folder=new_folder) as one,
        running("seed", folder=new_folder) as other,
    ):
        assert (one.exit_code(), other.exit_code()) == (0, 0), (
            one.told + other.told
        )


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_during_the_first_use_spoils_nothing(
    new_folder: Path, end: signal.Signals
) -> None:
    with running("seed", folder=new_folder) as first:
        wait_until(lambda: list(new_folder.rglob("PG_VERSION")))
        first.process.send_signal(end)
        first.exit_code()

    second = run("seed", folder=new_folder)

    assert second.returncode == 0, second.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "end", [Command.ctrl_c, Command.hangup], ids=["ctrl_c", "hangup"]
)
def test_an_end_during_check_leaves_no_service_and_no_server(
    folder: Path, end: Callable[[Command], None]
) -> None:
    with running("check", folder=folder) as check:
        wait_until(lambda: any(map(is_serving, check.children())))

        end(check)
        check.exit_code()

        assert check.is_all_gone()
        assert not servers(folder)
        assert "Traceback" not in check.told


def is_serving(process: psutil.Process) -> bool:
    """Whether it is a service that listens by now, and no short errand."""
    with suppress(psutil.Error):
        return bool(process.net_connections(kind="tcp"))
    return False
