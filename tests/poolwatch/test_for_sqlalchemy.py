"""A synchronous engine: each way in which a loan begins and ends."""

import gc
from collections.abc import Iterator

import pytest
import sqlalchemy.exc
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

import poolwatch
from poolwatch import Book, Ledger
from tests.conftest import ignored_warnings


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = create_engine(
        database_url.replace("sql:", "sql+psycopg:"),
        pool_size=1,
        max_overflow=1,
        pool_timeout=0.05,
    )
    yield engine
    engine.dispose()


@pytest.fixture
def book(engine: Engine) -> Book:
    return poolwatch.watch(engine, "shop", Ledger())


def test_a_loan_ends_when_it_is_closed(engine: Engine, book: Book) -> None:
    with engine.connect():
        assert len(book.loans) == 1
    assert not book.loans


def test_a_loan_knows_its_backend(engine: Engine, book: Book) -> None:
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT pg_backend_pid()")
        [loan] = book.loans.values()
        assert loan.pid == found.scalar_one()


def test_a_loan_knows_the_line_that_borrowed(
    engine: Engine, book: Book
) -> None:
    with engine.connect():
        [loan] = book.loans.values()
        assert loan.site
        assert loan.site.file == __file__
        assert loan.site.function == "test_a_loan_knows_the_line_that_borrowed"


@pytest.mark.usefixtures("collector_off")
def test_a_loan_ends_when_the_collector_finds_the_session(
    engine: Engine, book: Book
) -> None:
    Session(engine).connection()
    assert len(book.loans) == 1

    with ignored_warnings():
        gc.collect()

    assert not book.loans
    assert book.gauge.lent() == 0


def test_a_loan_ends_when_it_is_closed_after_an_invalidation(
    engine: Engine, book: Book
) -> None:
    with engine.connect() as connection:
        connection.invalidate()
    assert not book.loans


def test_a_loan_ends_when_it_is_detached(engine: Engine, book: Book) -> None:
    with engine.connect() as connection:
        connection.detach()

        assert not book.loans
        assert book.gauge.lent() == 0


def test_a_loan_of_a_pool_that_was_replaced_ends_as_well(
    engine: Engine, book: Book
) -> None:
    replaced = engine.pool
    with engine.connect():
        engine.dispose()
        assert len(book.loans) == 1
    assert not book.loans
    replaced.dispose()


def test_goes_on_watching_the_pool_that_replaces_a_pool(
    engine: Engine, book: Book
) -> None:
    engine.dispose()

    with engine.connect():
        assert len(book.loans) == 1
    assert not book.loans


def test_an_exhausted_pool_raises_an_error_of_both_kinds(
    engine: Engine, book: Book
) -> None:
    with engine.connect(), engine.connect():
        with pytest.raises(poolwatch.PoolExhausted) as refused:
            engine.connect()

        assert isinstance(refused.value, sqlalchemy.exc.TimeoutError)
        assert refused.value.explanation == book.explain()
        assert "2 of 2 lent" in str(refused.value)
        assert "tests/poolwatch/test_for_sqlalchemy.py" in str(refused.value)


@pytest.mark.parametrize(
    ("lent", "expected"),
    [(0, (1, 2, 0, 0, 0)), (1, (1, 2, 1, 0, 0)), (2, (1, 2, 2, 0, 1))],
)
def test_gauges_count_what_is_open(
    engine: Engine, book: Book, lent: int, expected: tuple[int, ...]
) -> None:
    connections = [engine.connect() for _ in range(lent)]

    gauge = book.gauge
    assert expected == (
        gauge.size(),
        gauge.capacity(),
        gauge.lent(),
        gauge.idle(),
        gauge.overflow(),
    )
    for connection in connections:
        connection.close()


def test_what_was_invalidated_is_not_idle(engine: Engine, book: Book) -> None:
    with engine.connect() as connection:
        connection.invalidate()

    assert book.gauge.idle() == 0


def test_what_came_back_is_idle(engine: Engine, book: Book) -> None:
    with engine.connect():
        pass

    assert book.gauge.idle() == 1
