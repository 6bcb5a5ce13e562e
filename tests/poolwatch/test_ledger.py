"""The ledger: what is lent, to whom, and what outlives its borrower."""

import linecache
import logging
from contextlib import suppress
from contextvars import copy_context

import pytest

import poolwatch
from poolwatch import Book, Ledger, Listener, Loan


class Four:
    """The gauge of a pool that lends four at most."""

    def __init__(self) -> None:
        self.out = 0

    def size(self) -> int:
        return 4

    def capacity(self) -> int:
        return 4

    def lent(self) -> int:
        return self.out

    def idle(self) -> int:
        return 0

    def overflow(self) -> int:
        return 0


class Notes(Listener):
    """Writes down what a ledger tells."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def opened(self, book: Book) -> None:
        self.told.append(("opened", book.name))

    def waited(self, book: Book, seconds: float) -> None:
        self.told.append(("waited", book.name, seconds))

    def timed_out(self, book: Book) -> None:
        self.told.append(("timed out", book.name))

    def leaked(self, loan: Loan) -> None:
        self.told.append(("leaked", loan.pid))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def book(ledger: Ledger) -> Book:
    return ledger.open_book("shop", Four())


def test_a_loan_is_open_from_lending_to_giving_back(
    ledger: Ledger, book: Book
) -> None:
    book.lend(slot=1, pid=4711)
    [loan] = ledger.loans()
    assert (loan.pool, loan.pid, loan.leaked) == ("shop", 4711, False)

    book.give_back(slot=1)
    assert list(ledger.loans()) == []
    assert book.returned == 1


def test_what_was_never_lent_is_not_given_back(book: Book) -> None:
    book.give_back(slot=1)

    assert book.returned == 0


def test_a_loan_knows_the_line_that_borrowed(
    ledger: Ledger, book: Book
) -> None:
    book.lend(slot=1, pid=None)

    [loan] = ledger.loans()
    assert loan.site
    assert loan.site.file == __file__
    line = linecache.getline(loan.site.file, loan.site.line)
    assert line.strip() == "book.lend(slot=1, pid=None)"


def test_a_loan_belongs_to_the_borrower_at_work(
    ledger: Ledger, book: Book
) -> None:
    with ledger.borrower("nightly job") as job:
        book.lend(slot=1, pid=None)
        [loan] = job.loans
        assert loan.borrower is job
        assert job.name == "nightly job"
        book.give_back(slot=1)
        assert not job.loans


def test_a_loan_to_nobody_is_no_leak(ledger: Ledger, book: Book) -> None:
    book.lend(slot=1, pid=None)

    [loan] = ledger.loans()
    assert loan.borrower is None
    assert not loan.leaked


def test_borrowers_are_counted_while_they_live(ledger: Ledger) -> None:
    with ledger.borrower("one"), ledger.borrower("other"):
        assert ledger.borrowers == 2
    assert ledger.borrowers == 0


def test_a_borrower_that_fails_has_ended(ledger: Ledger, book: Book) -> None:
    with suppress(ZeroDivisionError), ledger.borrower("a job"):
        book.lend(slot=1, pid=None)
        raise ZeroDivisionError

    assert ledger.borrowers == 0
    assert ledger.leaks == 1


def test_a_loan_that_outlives_its_borrower_is_a_leak(
    ledger: Ledger, book: Book
) -> None:
    with ledger.borrower("a job"):
        book.lend(slot=1, pid=4711)
        [loan] = ledger.loans()
        assert not loan.leaked

    assert loan.leaked
    assert list(ledger.loans()) == [loan]
    assert ledger.leaks == 1


def test_a_leak_is_logged_once_with_its_line(
    ledger: Ledger, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    with ledger.borrower("a job"):
        book.lend(slot=1, pid=4711)
    book.give_back(slot=1)

    [record] = caplog.records
    assert (record.name, record.levelno) == ("poolwatch", logging.WARNING)
    said = record.getMessage()
    assert "a job ended" in said
    assert "backend 4711" in said
    assert "tests/poolwatch/test_ledger.py:" in said


def test_a_leak_that_comes_back_late_is_not_lent_any_more(
    ledger: Ledger, book: Book
) -> None:
    with ledger.borrower("a job"):
        book.lend(slot=1, pid=None)

    book.give_back(slot=1)

    assert list(ledger.loans()) == []
    assert ledger.leaks == 1


def test_what_an_ended_borrower_still_borrows_belongs_to_nobody(
    ledger: Ledger, book: Book
) -> None:
    with ledger.borrower("a request that starts a task"):
        task = copy_context()
    task.run(book.lend, 1, None)

    [loan] = ledger.loans()
    assert loan.borrower is None


def test_forgetting_leaks_keeps_what_is_at_work(
    ledger: Ledger, book: Book
) -> None:
    with ledger.borrower("a leak"):
        book.lend(slot=1, pid=1)
    with ledger.borrower("at work"):
        book.lend(slot=2, pid=2)

        book.forget_leaks()

        assert [loan.pid for loan in ledger.loans()] == [2]
        book.give_back(slot=2)


def test_a_listener_is_told_of_everything(ledger: Ledger) -> None:
    notes = Notes()
    ledger.listeners.append(notes)

    book = ledger.open_book("shop", Four())
    with ledger.borrower("a job"):
        book.lend(slot=1, pid=4711)
    book.waited(0.5)
    book.timed_out()

    assert notes.told == [
        ("opened", "shop"),
        ("leaked", 4711),
        ("waited", "shop", 0.5),
        ("timed out", "shop"),
    ]


@pytest.mark.usefixtures("book")
def test_two_pools_of_one_name_are_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="'shop' is watched already"):
        ledger.open_book("shop", Four())


def test_a_name_is_free_again_once_its_book_is_closed(
    ledger: Ledger, book: Book
) -> None:
    ledger.close_book(book)

    assert ledger.open_book("shop", Four()) is not book


def test_explains_who_holds_the_pool(ledger: Ledger) -> None:
    gauge = Four()
    book = ledger.open_book("shop", gauge)
    with ledger.borrower("a job"):
        for slot in range(3):
            book.lend(slot, pid=None)
    book.lend(slot=3, pid=None)
    gauge.out = 4

    said = book.explain()

    assert said.startswith("4 of 4 lent: 3 × tests/poolwatch/test_ledger.py:")
    assert said.count("leaked, oldest 0 s") == 1
    assert "; 1 × tests/poolwatch/test_ledger.py:" in said


def test_explains_an_idle_pool_by_its_numbers_alone(book: Book) -> None:
    assert book.explain() == "0 of 4 lent"


def test_the_error_names_pool_and_holders(book: Book) -> None:
    book.lend(slot=1, pid=None)

    error = poolwatch.PoolExhausted(book)

    assert isinstance(error, TimeoutError)
    assert error.pool == "shop"
    assert error.explanation == book.explain()
    assert str(error) == f"pool 'shop' exhausted: {book.explain()}"


def test_an_unknown_kind_of_pool_is_refused(ledger: Ledger) -> None:
    with pytest.raises(TypeError, match="knows no pool of type object"):
        poolwatch.watch(object(), "shop", ledger)
