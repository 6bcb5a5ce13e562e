"""The embedded server runs in any folder, for its owner, beside others."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from lab.embedded import embedded_postgres
from tests.process.embedded.folders import (
    data_of,
    made_folder,
    needs_root,
    servers,
)


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
def test_the_port_of_another_server_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6000")

    with embedded_postgres(data_of(folder)) as url, psycopg.connect(url):
        pass


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
