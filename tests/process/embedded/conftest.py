"""A new folder, one with data, and one for a test to spoil."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.embedded import embedded_postgres
from tests.process.embedded.folders import data_of, made_folder, system

# pytest's own tmp_path is made private again whenever a pytest begins, under
# a server that runs as a user of its own.


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
