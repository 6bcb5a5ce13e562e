"""Services that check a trainee's files, and an empty folder for commands."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.control.exercise_file import FOLDER, file_of
from app.lesson import Lesson
from app.settings import Settings
from lab.workshop.check import Checker, checker
from lab.workshop.result import CheckResult
from tests.conftest import Service
from tests.process.command import ROOT

CHOSEN = {"orders", "row_lock", "slow_call"}
"""Lessons that `make test` checks; the tests of the others are slow."""


def slow_unless_chosen(name: str) -> list[pytest.MarkDecorator]:
    """Return the marks of a test that checks a file of this lesson."""
    return [] if name in CHOSEN else [pytest.mark.slow]


CHECKERS = {"hasty", "patient"}
"""Fixtures that start a service, once in each process of xdist."""


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Put the tests that need checkers first: one process runs them all.

    The last tests are those that an idle process takes from another.
    """
    items.sort(key=lambda item: CHECKERS.isdisjoint(item.fixturenames))


@dataclass(frozen=True, slots=True)
class Bench:
    """A checker, and the folder with the files that it checks."""

    checker: Checker
    folder: Path

    def verdict(self, lesson: Lesson, text: str) -> CheckResult:
        """Save a trainee's file, and check it."""
        with chdir(self.folder):
            file_of(lesson).write_text(text)
            return asyncio.run(self.checker.check(lesson, lambda _: None))


@contextmanager
def bench(url: str, folder: Path, pool_timeout: float) -> Iterator[Bench]:
    """Start a service for checks in this folder."""
    shutil.copy(ROOT / "flags.json", folder)
    (folder / FOLDER).mkdir()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(ROOT))
        environment.chdir(folder)
        starting = checker(Settings(database_url=url), pool_timeout)
        checks = starting.__enter__()
    try:
        yield Bench(checks, folder)
    finally:
        starting.__exit__(None, None, None)


@pytest.fixture(scope="session")
def hasty(
    server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """For files with a fault: a short pool timeout keeps the tests fast."""
    with bench(server_url, tmp_path_factory.mktemp("hasty"), 0.5) as hasty:
        yield hasty


@pytest.fixture(scope="session")
def patient(
    server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """For files without one: no request may time out on a busy machine."""
    with bench(server_url, tmp_path_factory.mktemp("patient"), 15) as patient:
        yield patient


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def service(
    service: Service,
    folder: Path,  # noqa: ARG001 - entered when the service has its flags
) -> Service:
    """The service, running in an empty folder."""
    return service
