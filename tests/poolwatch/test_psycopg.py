"""Every way a loan ends, with a synchronous psycopg pool."""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest
from psycopg_pool import ConnectionPool, NullConnectionPool, PoolTimeout

import poolwatch
from poolwatch import Book, Ledger, PoolExhausted
from tests.poolwatch.conftest import Server, needs, only, until

Open = Callable[..., ConnectionPool]


@pytest.fixture(params=[ConnectionPool, NullConnectionPool])
def open_pool(
    request: pytest.FixtureRequest, server: Server
) -> Iterator[Open]:
    with ExitStack() as closing:

        def make(**settings: object) -> ConnectionPool:
            pool = request.param(
                server.dsn,
                min_size=0,
                **{"max_size": 2, "timeout": 5, "open": True} | settings,
            )
            closing.callback(pool.close)
            return pool  # type: ignore[no-any-return]

        yield make


@pytest.fixture
def pool(open_pool: Open) -> ConnectionPool:
    return open_pool()


@pytest.fixture
def book(pool: ConnectionPool, ledger: Ledger) -> Book:
    return poolwatch.watch(pool, "orders", ledger)


pooling = pytest.mark.parametrize(
    "open_pool", [ConnectionPool], indirect=True, ids=["ConnectionPool"]
)


def test_the_end_of_the_block_ends_a_loan(
    pool: ConnectionPool, book: Book, ledger: Ledger
) -> None:
    with pool.connection() as connection:
        assert only(ledger).pid == connection.info.backend_pid
    assert not book.loans
    assert book.loans_ended == 1


def test_putconn_ends_a_loan(pool: ConnectionPool, book: Book) -> None:
    connection = pool.getconn()
    assert len(book.loans) == 1
    pool.putconn(connection)
    assert not book.loans


@pytest.mark.usefixtures("book")
def test_each_end_says_how_it_came(
    pool: ConnectionPool, endings: list[str]
) -> None:
    pool.putconn(pool.getconn())
    broken = pool.getconn()
    broken.close()
    pool.putconn(broken)
    assert endings == ["returned", "terminated"]


def test_each_ledger_that_watches_a_pool_sees_each_loan(
    pool: ConnectionPool, book: Book
) -> None:
    again = poolwatch.watch(pool, "again", Ledger())
    for _ in range(2):
        with pool.connection():
            assert len(book.loans) == len(again.loans) == 1
    assert not book.loans
    assert not again.loans


def test_a_second_putconn_is_refused_and_ends_nothing(
    pool: ConnectionPool, book: Book
) -> None:
    first = pool.getconn()
    pool.putconn(first)
    with pytest.raises(ValueError, match="doesn't come from any pool"):
        pool.putconn(first)
    assert book.loans_ended == 1


def test_a_stranger_is_refused_and_ends_nothing(
    pool: ConnectionPool, book: Book, ledger: Ledger, open_pool: Open
) -> None:
    other = open_pool()
    others = poolwatch.watch(other, "others", ledger)
    with other.connection() as stranger, pool.connection():
        with pytest.raises(ValueError, match="it comes from pool"):
            pool.putconn(stranger)
        assert len(book.loans) == len(others.loans) == 1
    assert book.loans_ended == others.loans_ended == 1


@pooling
@needs(ConnectionPool, "close_returns")
def test_close_ends_a_loan_where_it_returns(
    open_pool: Open, ledger: Ledger
) -> None:
    pool = open_pool(close_returns=True)
    book = poolwatch.watch(pool, "orders", ledger)
    connection = pool.getconn()
    connection.close()
    assert not book.loans


def test_a_connection_that_is_closed_keeps_its_slot_until_putconn(
    pool: ConnectionPool, book: Book
) -> None:
    connection = pool.getconn()
    connection.close()
    assert len(book.loans) == 1
    pool.putconn(connection)
    assert not book.loans


def test_a_connection_that_is_dropped_keeps_its_slot_for_ever(
    pool: ConnectionPool, book: Book, server: Server
) -> None:
    held = pool.getconn()
    assert len(server.backends()) == 1
    del held
    gc.collect()
    until(lambda: not server.backends())
    assert len(book.loans) == pool.get_stats()["pool_size"] == 1


@pytest.mark.parametrize("open_pool", [NullConnectionPool], indirect=True)
def test_a_slot_that_was_lost_is_not_taken_for_the_next_one(
    open_pool: Open, ledger: Ledger
) -> None:
    pool = open_pool(max_size=0)
    book = poolwatch.watch(pool, "orders", ledger)
    for _ in range(10):  # some come to lie in memory where others have lain
        pool.getconn()
    assert len(book.loans) == 10


def test_a_backend_that_was_terminated_ends_its_loan(
    pool: ConnectionPool, book: Book, server: Server, ledger: Ledger
) -> None:
    holder = pool.getconn()
    server.terminate(only(ledger).pid)
    with pytest.raises(psycopg.OperationalError):
        holder.execute("SELECT 1")
    assert len(book.loans) == 1
    pool.putconn(holder)
    assert not book.loans


@pooling
@needs(ConnectionPool, "check")
def test_a_connection_that_fails_its_check_is_no_loan(
    open_pool: Open, ledger: Ledger, server: Server
) -> None:
    pool = open_pool(check=ConnectionPool.check_connection)
    book = poolwatch.watch(pool, "orders", ledger)
    with pool.connection():
        pid = only(ledger).pid
    server.terminate(pid)
    with pool.connection():
        assert only(ledger).pid != pid
    assert book.loans_ended == 2


def test_a_timeout_names_the_holders(pool: ConnectionPool, book: Book) -> None:
    with pool.connection(), pool.connection():
        with pytest.raises(PoolTimeout) as timeout:
            pool.getconn(timeout=0.01)
        assert isinstance(timeout.value, PoolExhausted)
        assert (
            "2 of 2 checked out: 2 × tests/poolwatch/test_psycopg.py:"
            in str(timeout.value)
        )
        assert timeout.value.sqlstate is None
    assert (book.timeouts, book.waiting, len(book.loans)) == (1, 0, 0)


@pooling
def test_a_timeout_without_a_server_stays_as_it_is(
    ledger: Ledger, open_pool: Open
) -> None:
    pool = open_pool(kwargs={"host": "/nowhere"})
    book = poolwatch.watch(pool, "orders", ledger)
    with pytest.raises(PoolTimeout) as timeout:
        pool.getconn(timeout=0.01)
    assert not isinstance(timeout.value, PoolExhausted)
    assert timeout.value.__cause__ is None
    assert book.timeouts == 1


def test_a_loan_outlives_its_pool(pool: ConnectionPool, book: Book) -> None:
    connection = pool.getconn()
    pool.close()
    assert len(book.loans) == 1
    pool.putconn(connection)
    assert not book.loans


@pooling
def test_the_gauge_reads_the_pool(pool: ConnectionPool, book: Book) -> None:
    gauge = book.gauge
    assert (gauge.size(), gauge.minimum(), gauge.capacity()) == (2, 0, 2)
    with pool.connection():
        assert (gauge.checked_out(), gauge.idle(), gauge.overflow()) == (
            1,
            0,
            0,
        )
    assert (gauge.checked_out(), gauge.idle(), gauge.overflow()) == (0, 1, 0)


@pytest.mark.parametrize("open_pool", [NullConnectionPool], indirect=True)
def test_a_null_pool_keeps_nothing_and_may_have_no_limit(
    open_pool: Open, ledger: Ledger
) -> None:
    book = poolwatch.watch(open_pool(max_size=0), "orders", ledger)
    assert (book.gauge.size(), book.gauge.idle()) == (0, 0)
    assert book.gauge.capacity() is None
    assert not book.full


def test_new_connections_are_timed(pool: ConnectionPool, book: Book) -> None:
    with pool.connection():
        pass
    assert sum(book.create_time.counts) == 1
    assert sum(book.use_time.counts) == sum(book.wait_time.counts) == 1
