"""What is measured of one variant while it is loaded.

It is complete at every moment, so that an interrupted run has a report.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from app.control.waits import WaitTimes
from app.lessons.threads_engine import THREADS
from lab.load.arrivals import RequestResult
from lab.load.tally import Tally, percentile
from lab.reading import PoolReading, Reading
from lab.report.demo_run import LeakingLine, Sample, Second, VariantResult
from poolwatch.pages.models import LeakSite

FAILURES_TO_RESTART = 3
"""Failed probes in a row, as Kubernetes' `failureThreshold` has it."""
PERCENTILES = (50, 90, 95, 99, 99.9, 100)
FULL = 2
"""The oldest generation of Python's garbage collector."""


@dataclass(slots=True)
class Probe:
    """Counts the restarts that failed probes would have caused.

    A third failure in a row is a restart. The next one counts only after a
    probe has passed again, because the service is not really restarted.
    """

    failures: int = 0
    restarts: int = 0

    def add(self, *, ready: bool) -> None:
        """Count one probe."""
        self.failures = 0 if ready else self.failures + 1
        if self.failures == FAILURES_TO_RESTART:
            self.restarts += 1


@dataclass(slots=True)
class VariantRecorder:
    """Readings, probes and request results of one variant."""

    probe: Probe = field(default_factory=Probe)
    leaks: list[LeakSite] = field(default_factory=list)
    """The lines that have leaked so far."""
    waits: WaitTimes | None = None
    """Waits for a connection since the load began."""
    waits_before: int = 0
    """How many waits came before the load."""
    waits_seen: int = 0
    """How many waits the samples have summed up."""
    _first: Reading | None = None
    _samples: list[tuple[Reading, float | None]] = field(default_factory=list)
    """With the p95 of the waits since the one before."""
    _tally: Tally = field(default_factory=Tally)
    _by_second: defaultdict[int, Tally] = field(
        default_factory=lambda: defaultdict(Tally)
    )
    _began: float = 0.0
    _ended: float = 0.0

    def begin(self, first: Reading, waits: int) -> None:
        """Start to count."""
        self._first = first
        self.waits_before = self.waits_seen = waits

    def add_result(self, result: RequestResult) -> None:
        """Keep how a request ended."""
        self._began = result.due - result.offset
        self._ended = max(self._ended, result.due + result.latency)
        self._tally.add(result)
        self._by_second[int(result.offset)].add(result)

    def add_sample(self, reading: Reading, waits: WaitTimes | None) -> None:
        """Keep what was read."""
        p95 = waits.p95 if waits and waits.count else None
        self.waits_seen += waits.count if waits else 0
        self._samples.append((reading, p95))

    @property
    def gone(self) -> float:
        """Seconds from the first arrival to the newest sample."""
        return self._samples[-1][0].at - self._began if self._began else 0.0

    @property
    def in_use(self) -> int:
        """Connections in use in the newest sample."""
        return sum(_in_use(self._samples[-1][0]).values())

    def result(self) -> VariantResult | None:
        """Sum up what there is; None if the load has not begun."""
        if not (self._first and self._began and self._samples):
            return None
        first, last = self._first, self._samples[-1][0]
        latencies, leaks = self._tally.latencies, Counter[tuple[str, str]]()
        for leak in self.leaks:
            leaks[leak.site or "unknown", leak.pool] += leak.leaks
        return VariantResult(
            seconds=round(self._ended - self._began, 1),
            capacity={pool.name: pool.capacity for pool in _pools(last)},
            timeouts=last.timeouts - first.timeouts,
            restarts=self.probe.restarts,
            leaked=sum(pool.leaks for pool in _pools(last)),
            endings=dict(self._tally.endings),
            pool_wait_p95=self.waits.p95 if self.waits else None,
            latency={
                f"p{percent}": value
                for percent in PERCENTILES
                if (value := percentile(latencies, percent)) is not None
            },
            lateness_p99=percentile(self._tally.lateness, 99),
            samples=[
                _sample(first, reading, p95, self._began)
                for reading, p95 in self._samples
                if reading.at >= self._began
            ],
            per_second=[
                Second(
                    second,
                    tally.endings.total(),
                    tally.failed,
                    percentile(tally.latencies, 95),
                )
                for second, tally in sorted(self._by_second.items())
            ],
            lines=[
                LeakingLine(*line, count)
                for line, count in leaks.most_common()
            ],
        )


def _sample(
    first: Reading, reading: Reading, p95: float | None, began: float
) -> Sample:
    return Sample(
        at=round(reading.at - began, 3),
        in_use=_in_use(reading),
        leaked=sum(
            line.loans for line in reading.lines if line.state == "leaked"
        ),
        pool_wait_p95=p95,
        service_bytes=reading.service_bytes,
        postgresql_bytes=reading.backends_bytes,
        full_collections=reading.collections[FULL] - first.collections[FULL],
    )


def _in_use(reading: Reading) -> dict[str, int]:
    return {pool.name: pool.lent for pool in _pools(reading)}


def _pools(reading: Reading) -> list[PoolReading]:
    """The service's own; the one for the lessons' threads is idle here."""
    return [pool for pool in reading.pools if pool.name != THREADS]
