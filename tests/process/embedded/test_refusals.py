"""An embedded server that cannot run says why on one line."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.account import EmbeddedServerError
from lab.embedded import embedded_postgres
from tests.process.command import run
from tests.process.embedded.folders import data_of, needs_root, system

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
