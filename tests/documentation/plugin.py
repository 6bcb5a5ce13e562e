"""Runs every block of every page: `make test-docs`.

A pytest plugin (`-p tests.documentation.plugin`), because pages stand beside
what they are about, and not below this folder. Each block is a test; those of
a page run in their order, in one shell. A page has a copy of the repository
and a network of its own, except that pages which talk to a service and start
none share one.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sybil import Document, Region, Sybil

from tests.documentation.blocks import find
from tests.documentation.checkout import ROOT
from tests.documentation.evaluate import evaluate
from tests.documentation.network import taken
from tests.documentation.place import (
    Place,
    fresh_place,
    left_as_found,
    place_with_service,
)
from tests.documentation.shell import Shell

SERVICE = "127.0.0.1:8000"
ANOTHER_TERMINAL = "<!-- in another terminal:"


def parse(document: Document) -> Iterator[Region]:
    """Give Sybil a page's blocks, each with what is done with it."""
    for region in find(document):
        region.evaluator = evaluate
        yield region


SYBIL = Sybil([parse], pattern="*.md", path=str(ROOT), fixtures=["shell"])
pytest_collect_file = SYBIL.pytest()


def pytest_configure() -> None:
    """End in good order when asked to."""
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: object) -> None:
    pytest.exit(f"ended by signal {number}", 128 + number)


@pytest.fixture(scope="session")
def workshop() -> Iterator[Place]:
    """The service that pages share."""
    with place_with_service() as place:
        yield place


@pytest.fixture(scope="module")
def shell(request: pytest.FixtureRequest) -> Iterator[Shell]:
    """The shell of a page, from its first block to its last."""
    page = request.path.read_text()
    if SERVICE in page and ANOTHER_TERMINAL not in page:
        shell = request.getfixturevalue("workshop").shell()
        with _closed(shell, request.path), left_as_found(shell):
            yield shell
        return
    with fresh_place() as place:
        if not place.prefix and (ports := taken(page)):
            pytest.skip(f"somebody listens at {ports} already")
        with _closed(place.shell(), request.path) as own:
            yield own


@contextmanager
def _closed(shell: Shell, page: Path) -> Iterator[Shell]:
    """Close a shell in the end; nothing may be left of what it started."""
    try:
        yield shell
    finally:
        left = shell.close()
    assert not left, f"{page.name} leaves behind: {left}"
