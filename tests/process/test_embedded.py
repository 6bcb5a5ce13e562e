"""Without DATABASE_URL: a server in `.data/`, there while it is needed."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import psycopg
import pytest

from lab.account import EmbeddedServerError
from lab.embedded import embedded_postgres
from tests.process.command import (
    ROOT,
    Command,
    run,
    running,
    serving,
    wait_until,
)

ORDERS = "/orders?limit=1"
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root acts for another user"
)

# pytest's own tmp_path is made private again whenever a pytest begins, under
# a server that runs as a user of its own.


@contextmanager
def made_folder(prefix: str = "embedded-") -> Iterator[Path]:
    """A folder as `git clone` leaves it; no server outlives it."""
    with TemporaryDirectory(prefix=prefix) as name:
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
        with embedded_postgres(data_of(folder)):
            pass
        yield folder


@pytest.fixture
def spoilt(folder: Path, new_folder: Path) -> Path:
    """A data folder to be spoilt by a test."""
    copied = data_of(new_folder)
    copied.parent.mkdir()
    system("cp", "-a", data_of(folder), copied)
    return copied


def system(*command: str | Path) -> None:
    """Run a program of the operating system's."""
    subprocess.run(command, capture_output=True, check=True)


def data_of(folder: Path) -> Path:
    return folder / ".data" / "postgres"


def servers(folder: Path) -> list[psutil.Process]:
    """The PostgreSQL servers that run on a folder's data."""
    data = str(data_of(folder))
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if data in (process.info["cmdline"] or ())
    ]


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
@pytest.mark.parametrize(
    "name", ["a b", "it's", '"quoted"', "$HOME", "`id`", "é", "x" * 120]
)
def test_a_folder_may_have_any_name(spoilt: Path, name: str) -> None:
    data = spoilt.parent.parent / name / ".data" / "postgres"
    data.parent.mkdir(parents=True)
    spoilt.rename(data)

    with embedded_postgres(data) as url, psycopg.connect(url) as server:
        found = server.execute("SHOW data_directory").fetchone()

    assert found == (str(data),)


@pytest.mark.slow
def test_the_first_use_may_be_in_a_folder_of_any_name() -> None:
    with (
        made_folder("a $b \"c\" 'd' ") as folder,
        embedded_postgres(data_of(folder)) as url,
        psycopg.connect(url),
    ):
        pass


@pytest.mark.slow
def test_postgresql_may_be_installed_in_a_folder_of_any_name(
    new_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab import postgres_server

    programs = postgres_server._programs()
    package = programs.parents[1]
    place = new_folder / "a $b \"c\" 'd'"
    installed = place / programs.relative_to(package.parent)
    shutil.copytree(programs.parent, installed.parent)
    libraries = f"{package.name}.libs"
    shutil.copytree(package.with_name(libraries), place / libraries)
    monkeypatch.setattr(postgres_server, "_programs", lambda: installed)

    with embedded_postgres(data_of(new_folder)) as url, psycopg.connect(url):
        pass


@pytest.mark.slow
def test_no_socket_folder_is_left(folder: Path) -> None:
    with embedded_postgres(data_of(folder)) as url:
        sockets = Path(url.partition("host=")[2].partition("&")[0])
        assert sockets.is_dir()

    assert not sockets.exists()


@pytest.mark.slow
def test_the_port_of_another_server_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6000")

    with embedded_postgres(data_of(folder)) as url, psycopg.connect(url):
        pass


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "another release": (
        lambda data: (data / "PG_VERSION").write_text("16\n"),
        "PG_VERSION says '16', but the embedded server is PostgreSQL 18",
    ),
    "no PG_VERSION": (
        lambda data: (data / "PG_VERSION").unlink(),
        "holds no PostgreSQL data",
    ),
    "no pg_control": (
        lambda data: (data / "global/pg_control").unlink(),
        "could not find the database system",
    ),
    "cut-off pg_control": (
        lambda data: os.truncate(data / "global/pg_control", 100),
        "could not read file",
    ),
    "empty pid file": (
        lambda data: (data / "postmaster.pid").touch(),
        "postmaster.pid is cut off: delete this file",
    ),
    "cut-off pid file": (
        lambda data: (data / "postmaster.pid").write_text("12345\n/x\n"),
        "postmaster.pid is cut off: delete this file",
    ),
    "open to others": (lambda data: data.chmod(0o755), "invalid permissions"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_folder_is_one_line_that_names_it(
    spoilt: Path, case: str
) -> None:
    spoil, reason = SPOILT[case]
    spoil(spoilt)

    with (
        pytest.raises(EmbeddedServerError, match=reason) as refused,
        embedded_postgres(spoilt),
    ):
        pass

    [line] = str(refused.value).splitlines()
    assert str(spoilt) in line
    assert "delete" in line


@pytest.mark.slow
def test_a_spoilt_folder_ends_a_command_with_2(spoilt: Path) -> None:
    (spoilt / "PG_VERSION").write_text("16\n")

    refused = run("check", folder=spoilt.parent.parent)

    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: {spoilt}/PG_VERSION says '16'")
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_place_that_cannot_be_written_to_is_one_line(
    new_folder: Path,
) -> None:
    (new_folder / ".data").touch()

    with (
        pytest.raises(EmbeddedServerError, match="cannot write") as refused,
        embedded_postgres(data_of(new_folder)),
    ):
        pass

    [line] = str(refused.value).splitlines()
    assert f"{new_folder}/.data" in line
    assert "set DATABASE_URL" in line


@needs_root
def test_a_full_disk_is_one_line_that_names_the_folder(
    new_folder: Path,
) -> None:
    try:
        system("mount", "-t", "tmpfs", "-o", "size=20m", "none", new_folder)
    except subprocess.CalledProcessError:
        pytest.skip("no file system may be mounted here")
    try:
        with (
            pytest.raises(EmbeddedServerError, match="No space") as refused,
            embedded_postgres(data_of(new_folder)),
        ):
            pass
    finally:
        system("umount", new_folder)

    [line] = str(refused.value).splitlines()
    assert str(data_of(new_folder)) in line


@pytest.mark.slow
def test_a_stale_pid_file_of_another_program_is_ignored(spoilt: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
    ) as other:
        lines = [str(other.pid), str(spoilt), "1", "5432", "/x", "", "1 1"]
        (spoilt / "postmaster.pid").write_text("\n".join([*lines, "ready\n"]))

        with embedded_postgres(spoilt) as url, psycopg.connect(url):
            pass
        other.communicate(b"\n")


@pytest.mark.slow
@needs_root
def test_root_leaves_a_users_folder_to_the_user(new_folder: Path) -> None:
    user = 1  # daemon, on every Linux
    os.chown(new_folder, user, user)

    with embedded_postgres(data_of(new_folder)) as url:
        with psycopg.connect(url):
            pass
        [server] = servers(new_folder)
        assert server.uids().real == user

    made = [new_folder / ".data", *(new_folder / ".data").rglob("*")]
    assert {path.stat().st_uid for path in made} == {user}


@pytest.mark.slow
@needs_root
def test_an_owner_without_an_account_is_one_line(new_folder: Path) -> None:
    os.chown(new_folder, 54321, 54321)

    with (
        pytest.raises(EmbeddedServerError, match="no account") as refused,
        embedded_postgres(data_of(new_folder)),
    ):
        pass

    assert "set DATABASE_URL" in str(refused.value)
    assert not (new_folder / ".data").exists()


@pytest.mark.slow
def test_another_users_folder_is_one_line_that_names_it(
    spoilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)

    with (
        pytest.raises(EmbeddedServerError, match="another user") as refused,
        embedded_postgres(spoilt),
    ):
        pass

    [line] = str(refused.value).splitlines()
    assert str(spoilt) in line
