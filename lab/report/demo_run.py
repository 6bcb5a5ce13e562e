"""What one run of `demo` measured: the content of `report.json`.

`demo` writes it, and the report is made from it alone.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from app.lesson import Variant
from lab.load.arrivals import Ending

FORMAT = "connection-pool leaks, before and after"
VERSION = 3
"""Version 2 had no figures for each pool."""
MOST_BYTES = 64 * 2**20
"""An hour's run has about 8 MiB."""


class NotAReportError(Exception):
    """The file is not a report of this version."""


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """The load and the settings, which are the same for both variants."""

    rate: float
    seconds: int
    seed: int
    pool_timeout: float
    request_timeout: float
    """Seconds from the moment a request is due until its client gives up."""
    warm_up_seconds: float
    """How long the fixed service was loaded before each variant."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The service as it was read, so many seconds after the load began."""

    at: float
    in_use: dict[str, int]
    """Connections checked out, by pool."""
    leaked: int
    """Leaked connections that were open at that moment."""
    pool_wait_p95: float | None
    """Of the waits since the sample before; None where no request waited, or
    the event loop was blocked."""
    service_bytes: int
    postgresql_bytes: int | None
    full_collections: int
    """Full garbage collections since the load began."""


@dataclass(frozen=True, slots=True)
class Second:
    """The requests that were due in one second of the load."""

    at: int
    arrivals: int
    failed: int
    latency_p95: float | None


@dataclass(frozen=True, slots=True)
class LeakingLine:
    """A line of code whose loans outlived their borrowers."""

    site: str
    pool: str
    leaks: int


@dataclass(frozen=True, slots=True)
class LeakStep:
    """Memory after so many leaks, one by one in a service without load."""

    leaked: int
    service_bytes: int
    postgresql_bytes: int | None


@dataclass(frozen=True, slots=True)
class VariantResult:
    """One variant under load. None means that it could not be measured."""

    seconds: float
    """From the first arrival to the end of the last request."""
    capacity: dict[str, int]
    """The most connections that each pool can open."""
    timeouts: int
    restarts: int
    leaked: int
    endings: dict[Ending, int]
    pool_wait_p95: float | None
    latency: dict[str, float]
    """Percentiles in seconds, from the moment a request was due."""
    lateness_p99: float | None
    """Seconds by which the client sent requests late."""
    samples: list[Sample]
    per_second: list[Second]
    lines: list[LeakingLine]

    def peak(self, pool: str) -> int:
        """The most connections of a pool that were in use in a sample."""
        return max(
            (each.in_use.get(pool, 0) for each in self.samples), default=0
        )

    @property
    def exhausted(self) -> list[str]:
        """Pools that had no connection left in a sample."""
        return [
            pool
            for pool, capacity in self.capacity.items()
            if self.peak(pool) >= capacity
        ]

    @property
    def requests(self) -> int:
        """All arrivals."""
        return sum(self.endings.values())

    @property
    def failed(self) -> int:
        """Arrivals that did not end as their scenario says."""
        return self.requests - self.endings.get("ok", 0)

    @property
    def still_leaked(self) -> int:
        """Leaked connections that nothing has returned when the load ends."""
        return self.samples[-1].leaked if self.samples else 0


@dataclass(frozen=True, slots=True)
class DemoRun:
    """A whole run, or the part before it was interrupted."""

    written: datetime
    interrupted: str | None
    """What ended the run early."""
    plan: DemoPlan
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str]
    variants: dict[Variant, VariantResult]
    leak_steps: list[LeakStep]
    format: str = FORMAT
    version: int = VERSION


_DEMO_RUN = TypeAdapter(DemoRun)


def to_json(run: DemoRun) -> str:
    """Serialize a run."""
    return _DEMO_RUN.dump_json(run, indent=1).decode()


def load(path: Path) -> DemoRun:
    """Read a `report.json`.

    Raises:
        OSError: it cannot be read.
        NotAReportError: it is something else.

    """
    if not path.is_file():  # a device has no end
        message = f"{path} is not a regular file"
        raise NotAReportError(message)
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        message = f"{path} is larger than {MOST_BYTES // 2**20} MiB"
        raise NotAReportError(message)
    try:
        raw = json.loads(content)
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            message = f"{path} is not a report.json of `demo`"
            raise NotAReportError(message)
        if raw.get("version") != VERSION:
            message = (
                f"{path} has version {raw.get('version')}, and this program"
                f" reads version {VERSION}: run `demo` again"
            )
            raise NotAReportError(message)
        return _DEMO_RUN.validate_json(content)
    except ValueError as error:  # of json, and pydantic's
        message = f"{path} is not a report.json of `demo`, or is damaged"
        raise NotAReportError(message) from error
