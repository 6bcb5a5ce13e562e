"""A process that is forked off has a ledger that works, with nothing lent.

The fork is another process's: this one's threads would not survive it.
"""

import subprocess
import sys

import pytest

from tests.poolwatch.conftest import PATIENCE

FORK = """
import os, signal, sys, threading
from poolwatch import Ledger, Reporter
from poolwatch.pools.ledger_gauge import UncountedGauge

ledger, reporter = Ledger(), Reporter()
ledger.listeners.append(reporter)
gauge = UncountedGauge()
book = gauge.book = ledger.open_book("orders", gauge)


def in_child(work):
    child = os.fork()
    if not child:
        signal.alarm(10)  # which ends whoever waits for a lock
        work()
        sys.stdout.flush()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, status


def in_thread(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
"""


def run(script: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", FORK + script],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
    ).stdout


@pytest.mark.parametrize("owner", ["ledger", "reporter"])
def test_a_lock_that_a_thread_holds_at_the_fork_is_free_in_the_child(
    owner: str,
) -> None:
    script = f"""
def hold():
    with {owner}._lock:
        held.set()
        threading.Event().wait()


def leak():
    with ledger.borrower("job"):
        book.record_checkout(1, None)
    print([finding.kind for finding in reporter.recent])


held = threading.Event()
in_thread(hold)
held.wait()
in_child(leak)
"""
    assert run(script) == "['leak']\n"


def test_the_child_has_none_of_the_parents_loans_waiters_and_borrowers() -> (
    None
):
    script = """
def borrow():
    ledger.begin("request")
    book.record_checkout(1, None)
    book.waiters.append(None)


def tell():
    print(len(list(ledger.loans())), book.waiting, ledger.borrowers)


in_thread(borrow).join()
tell()
in_child(tell)
tell()
"""
    assert run(script) == "1 1 1\n0 0 0\n1 1 1\n"


def test_a_borrower_that_forks_may_end_in_the_child() -> None:
    script = """
def go_on():
    book.record_end(1)
    ledger.end(begun)
    print(ledger.borrowers, book.leaks)


begun = ledger.begin("job")
book.record_checkout(1, None)
in_child(go_on)
"""
    assert run(script) == "0 0\n"
