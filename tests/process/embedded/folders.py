"""Folders for an embedded server, and the servers that run in them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from tests.process.command import ROOT

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root acts for another user"
)


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
