"""What many open loans cost: bytes for each, and time for one more.

Nobody has 10,000 connections to lend, so loans are written into the book as
the adapters write them, and there is no pool behind. Each is made by a task
of its own that is a borrower, through a stack of three frames, as a handler,
a service and a repository make it, or of as many frames as are kept. What
tasks that borrow nothing take is taken off, and shown beside it.
"""

import asyncio
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from sys import getsizeof
from time import process_time
from weakref import ref

import poolwatch
from poolwatch.call_site import DEPTH
from poolwatch.pools.ledger_gauge import UncountedGauge

COUNTS = (10, 100, 1_000, 10_000)
"""Loans open at once."""
NO_LOAN = 0
STACKS = (NO_LOAN, 3, DEPTH)
"""Frames of the application: some layers, and the most that is kept."""
TIMES = 200
"""Loans and returns in one round."""

Weights = dict[int, dict[int, float]]
"""Bytes of a borrower and its loan, by the stack and by how many there are."""

_OURS = tracemalloc.Filter(
    inclusive=True, filename_pattern=f"{Path(poolwatch.__file__).parent}/*"
)


class Connection:
    """What a pool might lend."""


HANDLE = getsizeof(ref(Connection()))
"""Bytes of the weak reference that an adapter hands over with each loan."""


async def measure_bytes(tick: Callable[[str], None]) -> Weights:
    """Weigh a borrower without a loan, and with one through each stack."""
    found: Weights = {}
    for frames in STACKS:
        await _bytes_each(COUNTS[0], frames)  # fills the caches
        found[frames] = {
            count: await _bytes_each(count, frames) for count in COUNTS
        }
        tick(f"bytes of a loan, stack of {frames}")
    return found


async def measure_time(
    rounds: int, tick: Callable[[str], None]
) -> dict[int, list[float]]:
    """Time one loan and its return, in turn beside so many open ones.

    Answers the CPU seconds of each round, by the loans open.
    """
    connection = Connection()
    books = {}
    for count in COUNTS:
        books[count] = _open_book(poolwatch.Ledger())
        for slot in range(count):
            books[count].record_checkout(slot, pid=1)
    found: dict[int, list[float]] = {count: [] for count in COUNTS}
    for _ in range(rounds):
        for count, book in books.items():
            began = process_time()
            for _ in range(TIMES):
                book.record_checkout(count, pid=1, handle=ref(connection))
                book.record_end(count)
            found[count].append((process_time() - began) / TIMES)
    tick("time of a loan beside others")
    return found


def _open_book(ledger: poolwatch.Ledger) -> poolwatch.Book:
    return ledger.open_book("bench", UncountedGauge())


async def _bytes_each(count: int, frames: int) -> float:
    """Share out what poolwatch's own lines have allocated."""
    ledger = poolwatch.Ledger()
    book = _open_book(ledger)
    end = asyncio.Event()

    async def request(slot: int, connection: Connection) -> None:
        with ledger.borrower("GET", {}):
            if frames:
                _lend(book, slot, connection, frames - 1)  # and this one
            await end.wait()
            book.record_end(slot)  # or nothing, where nothing was lent

    tracemalloc.start()
    try:
        requests = [
            asyncio.create_task(request(slot, Connection()))
            for slot in range(count)
        ]
        await asyncio.sleep(0)  # each comes to where it waits
        snapshot = tracemalloc.take_snapshot().filter_traces([_OURS])
    finally:
        tracemalloc.stop()
    end.set()
    await asyncio.gather(*requests)
    handles = HANDLE if frames else 0
    return sum(trace.size for trace in snapshot.traces) / count + handles


def _lend(
    book: poolwatch.Book, slot: int, connection: Connection, frames: int
) -> None:
    """Borrow through so many frames."""
    if frames > 1:
        _lend(book, slot, connection, frames - 1)
    else:
        book.record_checkout(slot, pid=1, handle=ref(connection))
