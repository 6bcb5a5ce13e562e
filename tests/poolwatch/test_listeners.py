"""A listener hears of everything, and does no harm."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

import poolwatch
from poolwatch import Book, Finding, Ledger, Listener, Reporter
from tests.poolwatch.conftest import Server, only


@pytest.fixture
async def pool(
    server: Server, ledger: Ledger, reporter: Reporter
) -> AsyncIterator[asyncpg.Pool]:
    assert reporter in ledger.listeners
    pool = await asyncpg.create_pool(server.dsn, min_size=0, max_size=10)
    poolwatch.watch(pool, "orders", ledger)
    yield pool
    pool.terminate()


async def test_a_callback_hears_of_each_finding(
    pool: asyncpg.Pool, ledger: Ledger, reporter: Reporter
) -> None:
    heard: list[Finding] = []
    reporter.listen(heard.append)
    with ledger.borrower("request"):
        await pool.acquire()
    assert heard == list(reporter.recent)


async def test_a_callback_that_fails_keeps_no_finding_from_anybody(
    pool: asyncpg.Pool,
    ledger: Ledger,
    reporter: Reporter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(finding: Finding) -> None:
        raise RuntimeError(finding.kind)

    heard: list[Finding] = []
    reporter.listen(fail)
    reporter.listen(heard.append)
    with ledger.borrower("request"):
        await pool.acquire()
    assert heard == list(reporter.recent)
    found, failed = caplog.messages
    assert found == str(heard[0])
    assert failed == "a listener failed on 'leak'"


async def test_a_listener_hears_of_everything(
    pool: asyncpg.Pool, ledger: Ledger
) -> None:
    class Ear(Listener):
        def waited(self, book: Book, seconds: float) -> None:
            heard.append(("waited", book.name, seconds >= 0))

        def connected(self, book: Book, seconds: float) -> None:
            heard.append(("connected", book.name, seconds > 0))

        def ended(self, loan: poolwatch.Loan, how: str) -> None:
            heard.append(("ended", loan.pool, how))

    heard: list[Any] = []
    ledger.listeners.append(Ear())
    await pool.fetchval("SELECT 1")
    assert heard == [
        ("connected", "orders", True),
        ("waited", "orders", True),
        ("ended", "orders", "returned"),
    ]


async def test_a_loan_that_has_ended_grows_no_older(
    pool: asyncpg.Pool, ledger: Ledger
) -> None:
    connection = await pool.acquire()
    loan = only(ledger)
    await pool.release(connection)
    assert loan.age == ledger.books["orders"].use_time.sum


async def test_a_listener_that_fails_harms_neither_pool_nor_borrower(
    pool: asyncpg.Pool, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Listener):
        def leaked(self, loan: poolwatch.Loan) -> None:
            raise RuntimeError(loan.pool)

        def ended(self, loan: poolwatch.Loan, how: str) -> None:
            raise RuntimeError(loan.pool, how)

    ledger.listeners.append(Broken())
    with ledger.borrower("request"):
        connection = await pool.acquire()
    await pool.release(connection)
    assert pool.get_idle_size() == 1
    assert "a listener failed on 'ended'" in caplog.messages
