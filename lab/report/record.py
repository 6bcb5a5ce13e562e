"""What a run of the demonstration has measured: the content of `report.json`.

Measuring writes it and rendering reads it, and neither knows the other.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from app.lesson import Variant
from lab.load.arrivals import Fate

FORMAT = "connection-pool leaks, before and after"
VERSION = 2
"""Version 1 came of a closed loop, which compares with nothing here."""


class NotAReportError(Exception):
    """The file is no report of this demonstration, or of another version."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was done to both variants alike."""

    rate: float
    seconds: int
    seed: int
    pool_timeout: float
    request_timeout: float
    """Seconds from the intended start after which a customer has gone."""
    warm_up_seconds: float
    """The fixed service was loaded so long before each variant's turn."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The service as it was read, so many seconds after the load began."""

    at: float
    alive: bool
    lent: int
    waiting: int
    leaked: int
    """Leaked loans that were open then."""
    timeouts: int
    """Since the load began."""
    pool_wait_p95: float | None
    """Of the waits since the sample before; None where nobody borrowed, or
    the event loop could not be asked."""
    backends: int
    """Connections of the database, as the server counts them."""
    service_bytes: int
    backends_bytes: int | None
    full_collections: int
    """Since the load began, of the generation that is collected last."""
    loop_lag: float


@dataclass(frozen=True, slots=True)
class Second:
    """The requests that were meant to be sent in one second of the load."""

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
    """Memory after so many leaks, one after another and nothing else."""

    leaked: int
    service_bytes: int
    backends_bytes: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """One variant under load. None is what could not be measured."""

    seconds: float
    """From the first arrival to the fate of the last."""
    pool_capacity: int
    exhausted: list[str]
    """Pools that had nothing left in a sample."""
    timeouts: int
    restarts: int
    leaked: int
    fates: dict[Fate, int]
    pool_wait_p95: float | None
    latency: dict[str, float]
    """Percentiles in seconds, from the intended start."""
    lateness_p99: float | None
    """Seconds by which the client itself was late."""
    samples: list[Sample]
    per_second: list[Second]
    lines: list[LeakingLine]

    @property
    def peak(self) -> int:
        """The most connections that were lent in a sample."""
        return max((sample.lent for sample in self.samples), default=0)

    @property
    def answered(self) -> int:
        """Requests that were answered as their scenario says."""
        return self.fates.get("answered", 0)

    @property
    def failed(self) -> int:
        """All other arrivals."""
        return sum(self.fates.values()) - self.answered

    @property
    def timeouts_per_minute(self) -> float:
        """Acquire timeouts at this run's rate."""
        return self.timeouts * 60 / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Record:
    """A whole run, or as much of it as there was when it was interrupted."""

    written: datetime
    interrupted: str | None
    """What ended the run before its time, if anything did."""
    plan: Plan
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str]
    variants: dict[Variant, Measured]
    leak_steps: list[LeakStep]
    format: str = FORMAT
    version: int = VERSION


_RECORD = TypeAdapter(Record)


def to_json(record: Record) -> str:
    """Spell a record out."""
    return _RECORD.dump_json(record, indent=1).decode()


def load(path: Path) -> Record:
    """Read a `report.json`.

    Raises:
        OSError: it cannot be read.
        NotAReportError: it is something else.

    """
    text = path.read_text(errors="replace")
    try:
        raw = json.loads(text)
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            message = f"{path} is no report.json of `demo`"
            raise NotAReportError(message)
        if raw.get("version") != VERSION:
            message = (
                f"{path} is a report of version {raw.get('version')}, and"
                f" this program reads version {VERSION}: run `demo` again"
            )
            raise NotAReportError(message)
        return _RECORD.validate_json(text)
    except ValueError as error:  # of json, and pydantic's
        message = f"{path} is no report.json of `demo`, or a damaged one"
        raise NotAReportError(message) from error
