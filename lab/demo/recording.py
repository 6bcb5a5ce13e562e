"""What is seen of one variant while it is loaded, kept as it comes.

It is whole at every moment, so that a run which is interrupted has a report.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from app.control.waits import WaitTimes
from app.lessons.threads_engine import THREADS
from lab.load.arrivals import Outcome
from lab.load.tally import Tally, percentile
from lab.reading import PoolReading, Reading
from lab.report.record import LeakingLine, Measured, Sample, Second
from poolwatch.pages.models import LeakSite

FAILURES_TO_RESTART = 3
"""Failed probes in a row, as Kubernetes' `failureThreshold` has it."""
PERCENTILES = (50, 90, 95, 99, 99.9, 100)
FULL = 2
"""The generation whose collection looks at every object."""


@dataclass(slots=True)
class Probe:
    """Counts the restarts that failing probes would have caused.

    One is counted when a third probe in a row fails, and the next only after
    a probe has passed again: the service is not really restarted, so failing
    on and on is still the same failure.
    """

    failures: int = 0
    restarts: int = 0

    def saw(self, *, ready: bool) -> None:
        """Take one probe into account."""
        self.failures = 0 if ready else self.failures + 1
        if self.failures == FAILURES_TO_RESTART:
            self.restarts += 1


@dataclass(slots=True)
class Recording:
    """Readings, probes and outcomes of one variant."""

    probe: Probe = field(default_factory=Probe)
    leaks: list[LeakSite] = field(default_factory=list)
    """Who has leaked so far."""
    waits: WaitTimes | None = None
    """Those since the load began."""
    waits_before: int = 0
    """How many came before it."""
    waits_seen: int = 0
    """How many a sample has summed up."""
    _first: Reading | None = None
    _readings: list[tuple[Reading, float | None]] = field(default_factory=list)
    """With the p95 of the waits since the one before."""
    _tally: Tally = field(default_factory=Tally)
    _by_second: defaultdict[int, Tally] = field(
        default_factory=lambda: defaultdict(Tally)
    )
    _began: float | None = None
    _ended: float = 0.0

    def begin(self, first: Reading, waits: int) -> None:
        """Count from here on."""
        self._first = first
        self.waits_before = self.waits_seen = waits

    def outcome(self, outcome: Outcome) -> None:
        """Keep what became of a request."""
        self._began = outcome.intended - outcome.offset
        self._ended = max(self._ended, outcome.intended + outcome.latency)
        self._tally.add(outcome)
        self._by_second[int(outcome.offset)].add(outcome)

    def sample(self, reading: Reading, waits: WaitTimes | None) -> None:
        """Keep what was read."""
        p95 = waits.p95 if waits and waits.count else None
        self.waits_seen += waits.count if waits else 0
        self._readings.append((reading, p95))

    @property
    def gone(self) -> float:
        """Seconds since the first arrival, at the newest sample."""
        if self._began is None or not self._readings:
            return 0.0
        return self._readings[-1][0].at - self._began

    @property
    def lent(self) -> int:
        """Connections lent, at the newest sample."""
        return _lent(self._readings[-1][0]) if self._readings else 0

    def measured(self) -> Measured | None:
        """Sum up what there is; None where the load has not begun."""
        if self._first is None or self._began is None or not self._readings:
            return None
        first, last = self._first, self._readings[-1][0]
        return Measured(
            seconds=round(self._ended - self._began, 1),
            pool_capacity=sum(pool.capacity for pool in _pools(last)),
            exhausted=sorted(
                {
                    pool.name
                    for reading, _ in self._readings
                    for pool in _pools(reading)
                    if pool.lent == pool.capacity
                }
            ),
            timeouts=last.timeouts - first.timeouts,
            restarts=self.probe.restarts,
            leaked=sum(pool.leaks for pool in _pools(last)),
            fates=dict(self._tally.fates),
            pool_wait_p95=self.waits.p95 if self.waits else None,
            latency={
                f"p{percent}": value
                for percent in PERCENTILES
                if (value := self._tally.latency(percent)) is not None
            },
            lateness_p99=percentile(self._tally.lateness, 99),
            samples=[
                _sample(first, reading, p95, self._began)
                for reading, p95 in self._readings
                if reading.at >= self._began
            ],
            per_second=[
                Second(second, tally.planned, tally.failed, tally.latency(95))
                for second, tally in sorted(self._by_second.items())
            ],
            lines=self._lines(),
        )

    def _lines(self) -> list[LeakingLine]:
        lines = Counter[tuple[str, str]]()
        for leak in self.leaks:
            lines[leak.site or "unknown", leak.pool] += leak.leaks
        return [
            LeakingLine(site, pool, leaks)
            for (site, pool), leaks in lines.most_common()
        ]


def _sample(
    first: Reading, reading: Reading, p95: float | None, began: float
) -> Sample:
    return Sample(
        at=round(reading.at - began, 3),
        alive=reading.alive,
        lent=_lent(reading),
        waiting=sum(pool.waiting for pool in _pools(reading)),
        leaked=sum(
            line.loans for line in reading.lines if line.state == "leaked"
        ),
        timeouts=reading.timeouts - first.timeouts,
        pool_wait_p95=p95,
        backends=sum(reading.server.values()),
        service_bytes=reading.service_bytes,
        backends_bytes=reading.backends_bytes,
        full_collections=reading.collections[FULL] - first.collections[FULL],
        loop_lag=round(reading.loop_lag, 4),
    )


def _lent(reading: Reading) -> int:
    return sum(pool.lent for pool in _pools(reading))


def _pools(reading: Reading) -> list[PoolReading]:
    """The service's own; the lessons' threads have one more, idle here."""
    return [pool for pool in reading.pools if pool.name != THREADS]
