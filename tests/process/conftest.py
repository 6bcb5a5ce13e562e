"""A view of the server, a PgBouncer, and flags that a test may change."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.process.bouncer import Bouncer, running_bouncer
from tests.process.command import ROOT, Command

Backends = Callable[[Command], list[str]]


@pytest.fixture(scope="module")
def backends(database_url: str) -> Iterator[Backends]:
    """Names a process's connections, and its workers', as the server does."""
    with psycopg.connect(database_url, autocommit=True) as server:

        def of(command: Command) -> list[str]:
            command.children()
            pids = [process.pid for process in command.family]
            rows = server.execute(
                "SELECT application_name FROM pg_stat_activity"
                " WHERE split_part(application_name, ' ', 2) = ANY(%s)"
                " AND application_name LIKE 'order-service %%'",
                [list(map(str, pids))],
            )
            return [name for (name,) in rows]

        yield of


@pytest.fixture(scope="module")
def bouncer(server_url: str) -> Iterator[Bouncer]:
    """A PgBouncer before the tests' server."""
    with running_bouncer(make_url(server_url)) as bouncer:
        yield bouncer


@pytest.fixture
def flags_file(tmp_path: Path) -> str:
    """Flags of the test's own, all *after*."""
    return str(shutil.copy(ROOT / "flags.json", tmp_path))
