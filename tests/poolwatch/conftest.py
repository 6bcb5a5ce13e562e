"""A ledger of its own for each test, and the server's view of its pools."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

from poolwatch import Ledger, Listener, Loan, Reporter
from poolwatch.loan import Ending
from tests.garbage import without_collector

if TYPE_CHECKING:
    from _pytest.mark import MarkDecorator

    from poolwatch.metrics.opentelemetry import Exporter
    from tests.poolwatch.telemetry import Telemetry

PATIENCE = 20.0
"""Seconds that are for ever, also with both cores busy."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server as a pool reaches it, and as an operator looks at it."""

    url: URL
    name: str
    operator: psycopg.Connection

    @property
    def dsn(self) -> str:
        """For asyncpg and psycopg themselves."""
        url = self.url.update_query_dict({"application_name": self.name})
        return url.render_as_string(hide_password=False)

    def engine_url(self, driver: str) -> URL:
        """For SQLAlchemy, with `connect_args` of the same driver."""
        return self.url.set(drivername=f"postgresql+{driver}")

    def connect_args(self, driver: str) -> dict[str, object]:
        if driver == "asyncpg":
            return {"server_settings": {"application_name": self.name}}
        return {"application_name": self.name}

    def backends(self) -> set[int]:
        """The process ids of the test's own connections."""
        rows = self.operator.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s",
            [self.name],
        )
        return {pid for (pid,) in rows}

    def terminate(self, pid: int | None) -> None:
        """End a backend from outside, and see it gone."""
        self.operator.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def pytest_itemcollected(item: pytest.Item) -> None:
    # The drivers complain of what these tests drop on purpose.
    for warning in ("ResourceWarning", "sqlalchemy.exc.SAWarning"):
        item.add_marker(pytest.mark.filterwarnings(f"ignore::{warning}"))


@pytest.fixture(autouse=True)
def collector_off() -> Iterator[None]:
    """What a test drops is collected when the test says so."""
    with without_collector():
        yield


@pytest.fixture(scope="session")
def operator(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def server(
    database_url: str, operator: psycopg.Connection
) -> Iterator[Server]:
    """No query of the test outlives it: others count active connections."""
    name = f"poolwatch-{uuid4().hex[:8]}"
    server = Server(make_url(database_url), name, operator)
    yield server
    for pid in server.backends():
        server.terminate(pid)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def reporter(ledger: Ledger) -> Reporter:
    reporter = Reporter()
    ledger.listeners.append(reporter)
    return reporter


@pytest.fixture
def endings(ledger: Ledger) -> list[str]:
    """How each loan ended."""

    class Ear(Listener):
        def ended(self, loan: Loan, how: Ending) -> None:
            heard.append(how)
            assert loan.since > 0

    heard: list[str] = []
    ledger.listeners.append(Ear())
    return heard


def needs(function: Callable[..., object], parameter: str) -> "MarkDecorator":
    """Skip a test where the driver's version has no such parameter."""
    return pytest.mark.skipif(
        parameter not in signature(function).parameters,
        reason=f"this version of the driver has no `{parameter}`",
    )


def only(ledger: Ledger) -> Loan:
    """The one loan that is open."""
    (loan,) = ledger.loans()
    return loan


def until(condition: Callable[[], object]) -> None:
    """Wait in a thread for what must come about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.005)


async def until_async(condition: Callable[[], object]) -> None:
    """Wait in a task for what must come about."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.005)


@pytest.fixture
def telemetry() -> "Iterator[Telemetry]":
    from tests.poolwatch.telemetry import Telemetry

    telemetry = Telemetry()
    yield telemetry
    telemetry.provider.shutdown()


@pytest.fixture
def exporter(ledger: Ledger, telemetry: "Telemetry") -> "Exporter":
    from poolwatch.metrics.opentelemetry import Exporter

    return Exporter(ledger, telemetry.provider)


@pytest.fixture
async def own(server: Server) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the server that is none of the pools'."""
    connection = await asyncpg.connection.connect(server.dsn)
    yield connection
    await connection.close()
