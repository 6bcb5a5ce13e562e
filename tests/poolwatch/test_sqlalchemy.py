"""Every way a loan ends, with a synchronous SQLAlchemy engine."""

import gc
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import (
    Engine,
    PoolProxiedConnection,
    create_engine,
    event,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, Pool, QueuePool, StaticPool

import poolwatch
from poolwatch import Book, Ledger, PoolExhausted
from tests.poolwatch.conftest import Server, only

POOLS = [QueuePool, NullPool, StaticPool]


@pytest.fixture(params=POOLS, ids=lambda pool: pool.__name__)
def engine(request: pytest.FixtureRequest, server: Server) -> Iterator[Engine]:
    pool: type[Pool] = request.param
    sizes = (
        {"pool_size": 1, "max_overflow": 1, "pool_timeout": 0.01}
        if pool is QueuePool
        else {}
    )
    engine = create_engine(
        server.engine_url("psycopg"),
        connect_args=server.connect_args("psycopg"),
        poolclass=pool,
        **sizes,
    )
    yield engine
    engine.dispose()


@pytest.fixture
def book(engine: Engine, ledger: Ledger) -> Book:
    return poolwatch.watch(engine, "orders", ledger)


queue_pool = pytest.mark.parametrize(
    "engine", [QueuePool], indirect=True, ids=["QueuePool"]
)


@pytest.mark.usefixtures("book")
def test_a_loan_knows_its_backend(engine: Engine, ledger: Ledger) -> None:
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        assert only(ledger).pid == pid


def test_close_ends_a_loan(engine: Engine, book: Book) -> None:
    connection = engine.connect()
    assert len(book.loans) == 1
    connection.close()
    assert not book.loans
    assert (book.loans_ended, book.garbage_collected) == (1, 0)


def test_a_second_close_ends_nothing(engine: Engine, book: Book) -> None:
    first = engine.connect()
    first.close()
    with engine.connect():
        first.close()
        assert len(book.loans) == 1
    assert book.loans_ended == 2


def test_the_collector_ends_a_loan_and_is_counted_apart(
    engine: Engine, book: Book
) -> None:
    session = Session(engine)
    session.execute(text("SELECT 1"))
    del session
    assert len(book.loans) == 1
    gc.collect()
    assert not book.loans
    assert book.garbage_collected == 1


def test_a_connection_that_is_dropped_is_reclaimed(
    engine: Engine, book: Book
) -> None:
    connection = engine.raw_connection()
    assert len(book.loans) == 1
    del connection
    assert not book.loans
    assert book.garbage_collected == 1


def test_invalidation_ends_a_loan(engine: Engine, book: Book) -> None:
    with engine.connect() as connection:
        connection.invalidate()
        assert not book.loans
    assert book.loans_ended == 1


def test_each_end_says_how_it_came(
    engine: Engine, book: Book, endings: list[str]
) -> None:
    engine.raw_connection().close()
    engine.raw_connection().invalidate()
    detached = engine.raw_connection()
    detached.detach()
    detached.close()
    engine.raw_connection()
    assert endings == [
        "returned",
        "terminated",
        "detached",
        "garbage collected",
    ]
    assert book.loans_ended == 4


@queue_pool
def test_a_slot_that_is_lent_again_before_detaching_is_done_keeps_its_loan(
    engine: Engine, book: Book
) -> None:
    @event.listens_for(engine, "detach", insert=True)
    def steal(*_: object) -> None:  # as another thread may
        held.append(engine.raw_connection())

    held: list[PoolProxiedConnection] = []
    engine.raw_connection().detach()
    assert len(book.loans) == len(held) == 1
    held.pop().close()
    assert not book.loans


def test_a_soft_invalidation_ends_nothing(engine: Engine, book: Book) -> None:
    connection = engine.raw_connection()
    connection.invalidate(soft=True)
    assert len(book.loans) == 1
    connection.close()
    assert not book.loans


def test_a_detached_connection_is_a_loan_until_it_is_closed(
    engine: Engine, book: Book, ledger: Ledger
) -> None:
    with engine.connect() as connection:
        pid = only(ledger).pid
        connection.detach()
        assert only(ledger).pid == pid
    assert (len(book.loans), book.loans_ended) == (0, 1)


def test_a_detached_connection_that_is_not_closed_is_a_leak(
    engine: Engine, book: Book, ledger: Ledger, endings: list[str]
) -> None:
    with ledger.borrower("request"):
        connection = engine.raw_connection()
        connection.detach()
    assert only(ledger).state == "leaked"
    del connection
    gc.collect()
    assert not book.loans
    assert endings == ["detached"]


def test_detaching_what_is_closed_ends_its_loan(
    engine: Engine, book: Book
) -> None:
    connection = engine.raw_connection()
    driver_connection: Any = connection.driver_connection
    driver_connection.close()  # and tells no process id any more
    connection.detach()
    assert not book.loans


def test_a_driver_that_tells_no_process_id_is_watched(ledger: Ledger) -> None:
    engine = create_engine("sqlite://", creator=Uninformed)
    book = poolwatch.watch(engine, "orders", ledger)
    with engine.connect():
        assert only(ledger).pid is None
    assert (len(book.loans), book.waiting) == (0, 0)


@queue_pool
@pytest.mark.usefixtures("book")
def test_a_slot_that_was_detached_is_checked_out_again(
    engine: Engine, ledger: Ledger
) -> None:
    with engine.connect() as detached:
        detached.detach()
        with engine.connect() as connection:
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
            assert [loan.pid for loan in ledger.loans()][1:] == [pid]
            detached.close()
            assert only(ledger).pid == pid


def test_a_backend_that_was_terminated_ends_its_loan(
    engine: Engine, book: Book, server: Server
) -> None:
    with engine.connect() as connection:
        server.terminate(only_pid(book))
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT 1"))
        assert not book.loans
    assert book.loans_ended == 1


@queue_pool
def test_an_overflow_connection_is_a_loan_as_any(
    engine: Engine, book: Book
) -> None:
    with engine.connect(), engine.connect():
        assert len(book.loans) == book.gauge.checked_out() == 2
        assert (book.gauge.size(), book.gauge.overflow()) == (1, 1)
        assert book.full
    assert not book.loans
    assert (book.gauge.idle(), book.gauge.overflow()) == (1, 0)


@queue_pool
def test_a_timeout_names_the_holders(engine: Engine, book: Book) -> None:
    with engine.connect(), engine.connect():
        with pytest.raises(PoolTimeout) as timeout:
            engine.connect()
        assert isinstance(timeout.value, PoolExhausted)
        assert (
            "2 of 2 checked out: 2 × tests/poolwatch/test_sqlalchemy.py:"
            in str(timeout.value)
        )
    assert (book.timeouts, book.waiting, len(book.loans)) == (1, 0, 0)


@pytest.mark.parametrize("close", [True, False])
def test_disposal_does_not_end_a_loan(
    engine: Engine, book: Book, *, close: bool
) -> None:
    with engine.connect():
        engine.dispose(close=close)
        assert len(book.loans) == 1
    assert not book.loans


def test_the_pool_that_takes_its_place_is_watched(
    engine: Engine, book: Book
) -> None:
    with engine.connect():
        engine.dispose()
        with engine.connect():
            assert len(book.loans) == 2
    assert not book.loans
    assert book.wait_time.counts[-1] == 0
    assert sum(book.wait_time.counts) == 2


@pytest.mark.parametrize("engine", [StaticPool], indirect=True)
def test_the_one_connection_of_a_static_pool_is_the_latest_borrowers(
    engine: Engine, ledger: Ledger, book: Book
) -> None:
    with ledger.borrower("first"):
        first = engine.connect()
        with ledger.borrower("second"):
            second = engine.connect()
            borrower = only(ledger).borrower
            assert borrower is not None
            assert borrower.name == "second"
            second.close()
        first.close()
    assert not book.loans
    assert (book.loans_ended, book.leaks) == (2, 0)


def test_each_new_connection_is_timed(
    engine: Engine, book: Book, server: Server
) -> None:
    with engine.connect(), engine.connect():
        opened = server.backends()
    assert sum(book.create_time.counts) == len(opened)


class Uninformed(sqlite3.Connection):
    """A connection of some other driver, to which `info` is something else."""

    info = "a connection"

    def __init__(self) -> None:
        super().__init__(":memory:")


def only_pid(book: Book) -> int | None:
    (loan,) = book.loans.values()
    return loan.pid
