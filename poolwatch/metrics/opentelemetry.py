"""Every watched pool through the OpenTelemetry metrics API.

    from poolwatch import default_ledger
    from poolwatch.metrics.opentelemetry import Exporter

    Exporter(default_ledger)    # before or after the meter provider is set

It needs `opentelemetry-api` alone; the SDK is the application's choice. It
shows what `for_prometheus` shows, which `readings` lists. A pool that is
closed disappears; of its histograms the SDK shows what it has recorded.

Numbers are read when they are collected. Histograms are not read but
recorded, and the SDK records under locks that the thread which has them must
not take again. A loan, though, may be ended by the garbage collector in the
middle of anything, of recording as well: that would wait for itself for ever
(https://github.com/open-telemetry/opentelemetry-python/issues/5313). So
durations are kept, without a lock, until the next collection records them.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING

from poolwatch.book import Listener
from poolwatch.extras import extra
from poolwatch.histogram import BOUNDS
from poolwatch.ledger import default_ledger
from poolwatch.metrics.readings import (
    CREATE_TIME,
    POOL,
    READINGS,
    USE_TIME,
    WAIT_TIME,
    Durations,
    Reading,
)

with extra("opentelemetry"):
    from opentelemetry import metrics
    from opentelemetry.metrics import Observation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider

    from poolwatch.ledger import Book, Ledger
    from poolwatch.loan import Ending, Loan

logger = logging.getLogger("poolwatch")

MOST_KEPT = 100_000
"""Durations of one kind and pool kept from one collection to the next. That
is 1,600 checkouts a second with a collection each minute, and 3 MB; without
collections, no more is ever kept."""


class Exporter(Listener):
    """Shows a ledger to OpenTelemetry until it is closed."""

    def __init__(
        self,
        ledger: Ledger = default_ledger,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        """Begin to show it.

        Args:
            ledger: whose pools to show. Several ledgers can be shown, where
                the names of their pools differ.
            meter_provider: whom to show them; the global one where none is
                given, also if it is set only later.

        Raises:
            ValueError: this ledger is shown there already.

        """
        # By its name or without, the global one has each instrument once.
        if meter_provider is metrics.get_meter_provider():
            meter_provider = None
        self._instruments = _instruments(meter_provider)
        self._ledger = ledger
        self._instruments.show(ledger)
        ledger.listeners.append(self)

    def close(self) -> None:
        """Show the ledger no more.

        Its histograms stay as they are, as those of a closed pool do.
        """
        self._instruments.hide(self._ledger)
        with suppress(ValueError):
            self._ledger.listeners.remove(self)

    def connected(self, book: Book, seconds: float) -> None:
        """Keep how long a new connection took."""
        self._instruments.create_time.keep(book.name, seconds)

    def waited(self, book: Book, seconds: float) -> None:
        """Keep how long a borrower waited."""
        self._instruments.wait_time.keep(book.name, seconds)

    def ended(self, loan: Loan, how: Ending) -> None:  # noqa: ARG002
        """Keep how long a loan was open."""
        self._instruments.use_time.keep(loan.pool, loan.age)


class _Instruments:
    """What one meter shows, of any number of ledgers.

    A meter has each instrument once, and calls for ever what it was given to
    call first. So the instruments stay, and ledgers come and go.
    """

    def __init__(self, meter: Meter) -> None:
        self._ledgers: list[Ledger] = []
        self.create_time = _Keeper(meter, CREATE_TIME)
        self.wait_time = _Keeper(meter, WAIT_TIME)
        self.use_time = _Keeper(meter, USE_TIME)
        create = {
            "counter": meter.create_observable_counter,
            "up-down counter": meter.create_observable_up_down_counter,
            "gauge": meter.create_observable_gauge,
        }
        for reading in READINGS:
            create[reading.kind](
                reading.name,
                [partial(self._observe, reading)],
                reading.unit,
                reading.text,
            )

    def show(self, ledger: Ledger) -> None:
        if ledger in self._ledgers:
            message = "this ledger is shown there already"
            raise ValueError(message)
        self._ledgers.append(ledger)

    def hide(self, ledger: Ledger) -> None:
        with suppress(ValueError):
            self._ledgers.remove(ledger)

    def _observe(
        self, reading: Reading, _: CallbackOptions
    ) -> Iterator[Observation]:
        for keeper in (self.create_time, self.wait_time, self.use_time):
            keeper.record()
        for ledger in self._ledgers.copy():
            for book in list(ledger.books.values()):
                for labels, value in reading.read(book).items():
                    # A pool without a limit has no maximum to be shown.
                    if math.isfinite(value):
                        values = (book.name, *labels)
                        named = zip(reading.labels, values, strict=True)
                        yield Observation(value, dict(named))


@cache
def _instruments(meter_provider: MeterProvider | None) -> _Instruments:
    meter = metrics.get_meter("poolwatch", meter_provider=meter_provider)
    return _Instruments(meter)


class _Keeper:
    """A histogram, and the durations that it has not been told of yet."""

    def __init__(self, meter: Meter, durations: Durations) -> None:
        self._histogram = meter.create_histogram(
            durations.name,
            "s",
            durations.text,
            explicit_bucket_boundaries_advisory=BOUNDS,
        )
        self._kept: dict[str, deque[float]] = {}

    def keep(self, pool: str, seconds: float) -> None:
        """Take it without a lock: the garbage collector may be calling."""
        kept = self._kept.get(pool)
        if kept is None:
            kept = self._kept.setdefault(pool, deque(maxlen=MOST_KEPT))
        kept.append(seconds)

    def record(self) -> None:
        """Tell the histogram of all; called at each collection."""
        for pool, kept in list(self._kept.items()):
            if len(kept) == MOST_KEPT:
                logger.warning(
                    "pool %r: %d durations or more since the last"
                    " collection; no more are kept, the oldest are lost",
                    pool,
                    MOST_KEPT,
                )
            attributes = {POOL: pool}
            with suppress(IndexError):  # another collector took the last
                for _ in range(len(kept)):
                    self._histogram.record(kept.popleft(), attributes)
