"""Borrowers: jobs, their tasks and threads, many at once, or none."""

import asyncio
import contextvars
import weakref
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import create_engine

import poolwatch
from poolwatch import Book, Ledger
from poolwatch.book import MOST_LINES, OTHER
from poolwatch.loan import current_task
from poolwatch.pools.ledger_gauge import UncountedGauge
from tests.poolwatch.conftest import Server, only, until_async


@pytest.fixture
async def pool(server: Server) -> AsyncIterator[asyncpg.Pool]:
    pool = await asyncpg.create_pool(server.dsn, min_size=0, max_size=10)
    yield pool
    pool.terminate()


@pytest.fixture
def book(pool: asyncpg.Pool, ledger: Ledger) -> Book:
    return poolwatch.watch(pool, "orders", ledger)


@pytest.mark.usefixtures("book")
async def test_a_job_that_names_itself_is_a_borrower(
    pool: asyncpg.Pool, ledger: Ledger
) -> None:
    with ledger.borrower("nightly job"):
        await pool.acquire()
        assert not only(ledger).leaked
    loan = only(ledger)
    assert loan.leaked
    assert loan.borrower is not None
    assert loan.borrower.name == "nightly job"


async def test_what_nobody_borrowed_is_no_leak(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    await pool.acquire()
    assert only(ledger).borrower is None
    with ledger.borrower("another"):
        pass
    assert book.leaks == 0


async def test_tasks_of_a_borrower_borrow_in_its_name(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    async def work(name: str) -> None:
        with ledger.borrower(name):
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(hold())

    async def hold() -> None:
        async with pool.acquire():
            await release.wait()

    release = asyncio.Event()
    jobs = [asyncio.create_task(work(name)) for name in "abc"]
    await until_async(lambda: len(book.loans) == 9)
    names = [loan.borrower.name for loan in ledger.loans() if loan.borrower]
    assert sorted(names) == list("aaabbbccc")
    release.set()
    await asyncio.wait(jobs)
    assert (book.leaks, book.loans_ended, len(book.loans)) == (0, 9, 0)


async def test_a_worker_thread_borrows_in_the_name_of_who_sent_it(
    server: Server, ledger: Ledger
) -> None:
    engine = create_engine(server.engine_url("psycopg"))
    book = poolwatch.watch(engine, "orders", ledger)
    with ledger.borrower("request"):
        held = await asyncio.to_thread(engine.connect)
        assert only(ledger).borrower is not None
    assert book.leaks == 1
    held.close()
    engine.dispose()


def test_threads_and_collector_and_borrowers_at_once(
    server: Server, ledger: Ledger
) -> None:
    engine = create_engine(
        server.engine_url("psycopg"), pool_size=4, max_overflow=0
    )
    book = poolwatch.watch(engine, "orders", ledger)

    def work(number: int) -> None:
        for turn in range(50):
            with ledger.borrower(f"{number}"):
                connection = engine.raw_connection()
                cursor = connection.cursor()
                cursor.execute("SELECT 1")
                cursor.close()
                if (turn + number) % 3:
                    connection.close()
                elif (turn + number) % 2:
                    connection.invalidate()
                del connection  # what is left is reclaimed

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(work, range(8)))
    assert (book.loans_ended, book.leaks, book.waiting) == (400, 0, 0)
    assert book.gauge.checked_out() == len(book.loans) == ledger.borrowers == 0
    assert sum(book.use_time.counts) == sum(book.wait_time.counts) == 400
    engine.dispose()


def test_a_borrower_may_end_in_another_context(ledger: Ledger) -> None:
    @contextmanager
    def dependency() -> Iterator[None]:
        with ledger.borrower("dependency"):
            yield

    opened = dependency()
    contextvars.copy_context().run(opened.__enter__)
    opened.__exit__(None, None, None)
    assert ledger.borrowers == 0


def test_a_borrower_may_outlive_its_pools_book(
    server: Server, ledger: Ledger
) -> None:
    engine = create_engine(server.engine_url("psycopg"))
    book = poolwatch.watch(engine, "orders", ledger)
    with ledger.borrower("shutdown"):
        held = engine.connect()
        ledger.close_book(book)
    held.close()
    engine.dispose()
    assert not list(ledger.loans())
    assert book.leaks == 0


async def test_a_borrower_forgets_what_has_come_back(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    with ledger.borrower("request") as borrower:
        assert borrower
        async with pool.acquire():
            assert borrower.loans == len(book.loans) == 1
        assert borrower.loans == 0


def test_a_borrower_that_leaves_nothing_lent_lets_its_request_go(
    ledger: Ledger,
) -> None:
    class Body:
        """Something of the request's, to see when it goes."""

    body = Body()
    kept = weakref.ref(body)
    with ledger.borrower("GET", {"headers": [(b"x-body", body)]}) as borrower:
        assert borrower
        del body
        assert kept() is not None
    assert borrower.ended
    assert kept() is None


async def test_what_has_just_come_back_is_neither_leaked_nor_overdue(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    async with pool.acquire():
        loan = only(ledger)
    book.record_leak(loan)
    book.record_overdue(loan)
    assert (loan.leaked, loan.overdue, book.leaks) == (False, False, 0)


def test_leaks_are_counted_by_borrower_and_line(ledger: Ledger) -> None:
    book = ledger.open_book("orders", UncountedGauge())
    for job in ("import", "import", "export"):
        with ledger.borrower(job):
            book.record_checkout(slot=len(book.loans), pid=None)
    (imported, twice), (exported, once) = book.leaks_by_line.most_common()
    assert (imported[0], twice) == ("import", 2)
    assert (exported[0], once) == ("export", 1)
    assert imported[1] == exported[1]
    assert imported[1].endswith("test_leaks_are_counted_by_borrower_and_line")


def test_ever_new_borrowers_cannot_fill_the_memory(ledger: Ledger) -> None:
    book = ledger.open_book("orders", UncountedGauge())
    for number in range(MOST_LINES + 5):
        with ledger.borrower(f"job {number}"):
            book.record_checkout(slot=number, pid=None)
    assert book.leaks == MOST_LINES + 5
    assert len(book.leaks_by_line) == MOST_LINES + 1
    assert book.leaks_by_line[OTHER] == 5


def test_a_leak_is_reported_where_the_working_folder_is_gone(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = ledger.open_book("orders", UncountedGauge())
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    with ledger.borrower("job"):
        book.record_checkout(slot=1, pid=None)
    assert book.leaks == 1


def test_a_task_is_known_in_each_loop_that_a_thread_has() -> None:
    async def knows_itself() -> bool:
        known = current_task()
        return known is not None and known() is asyncio.current_task()

    with asyncio.Runner() as one, asyncio.Runner() as another:
        assert one.run(knows_itself())
        assert another.run(knows_itself())
        assert one.run(knows_itself())
        assert current_task() is None
