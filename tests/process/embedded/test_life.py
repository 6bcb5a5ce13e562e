"""Without DATABASE_URL, a server in `.data/` runs while it is needed."""

import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from lab.embedded import embedded_postgres
from tests.process.command import Command, running, serving, wait_until
from tests.process.embedded.folders import data_of, servers

ORDERS = "/orders?limit=1"


@pytest.mark.slow
def test_the_first_use_makes_tables_and_data(new_folder: Path) -> None:
    with serving(folder=new_folder) as service:
        answer = httpx.get(f"{service.url}/orders?limit=200")

    assert len(answer.json()) == 200


def test_ctrl_c_stops_the_service_and_the_server_and_prints_no_details(
    folder: Path,
) -> None:
    with serving(folder=folder) as service:
        assert httpx.get(service.url + ORDERS).status_code == 200
        assert servers(folder)

        service.ctrl_c()
        service.exit_code()

        assert not servers(folder)
        for detail in ("commandline", "handle", "pids", "pg_ctl", "Traceback"):
            assert detail not in service.told


@pytest.mark.slow
def test_two_share_the_server_until_the_last_has_ended(folder: Path) -> None:
    with serving(folder=folder) as first, serving(folder=folder) as second:
        first.sigterm()
        first.exit_code()

        assert httpx.get(second.url + ORDERS).status_code == 200

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

    with embedded_postgres(data_of(folder)) as url, psycopg.connect(url):
        pass

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
        serving(folder=new_folder) as one,
        serving(folder=new_folder) as other,
    ):
        for service in (one, other):
            assert httpx.get(service.url + ORDERS).status_code == 200
        assert len(servers(new_folder)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_during_the_first_use_spoils_nothing(
    new_folder: Path, end: signal.Signals
) -> None:
    with running("serve", folder=new_folder) as first:
        wait_until(lambda: list(new_folder.rglob("PG_VERSION")))
        first.process.send_signal(end)
        first.exit_code()

    with embedded_postgres(data_of(new_folder)) as url, psycopg.connect(url):
        pass

    left = {path.name for path in data_of(new_folder).parent.iterdir()}
    assert left == {"postgres", "postgres.turn", "postgres.users"}


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


@pytest.mark.slow
def test_no_socket_folder_is_left(folder: Path) -> None:
    with embedded_postgres(data_of(folder)) as url:
        sockets = Path(url.partition("host=")[2].partition("&")[0])
        assert sockets.is_dir()

    assert not sockets.exists()
