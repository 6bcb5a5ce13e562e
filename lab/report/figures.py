"""The write-up's last table, with what a run has measured beside it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.lesson import Variant
from lab.report.growth import Slope, per_hour
from lab.report.record import Measured, Record

NOT_MEASURED = "not measured"
LATE = 0.1
"""Seconds; a client that is later than this is worth a word."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A row: what the write-up claims of a figure, and how to measure it."""

    name: str
    measured: Callable[[Measured], str]
    number: Callable[[Measured], float | None]
    """The same to be compared, run with run."""
    before: str = ""
    after: str = ""

    @property
    def claimed(self) -> dict[Variant, str]:
        """What the write-up says; nothing where it says nothing."""
        return {"before": self.before, "after": self.after}


def _memory(measured: Measured) -> float | None:
    slope = per_hour(measured).client
    return slope.value if slope and slope.is_measurable else None


def _seconds(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:.3f} s"


def said(slope: Slope | None, unit: str = "") -> str:
    """Say a slope with its error, or that it has drowned in it."""
    if slope is None:
        return NOT_MEASURED
    if not slope.is_measurable:
        return "not measurable"
    digits = 0 if slope.error >= 1 else 1
    return f"{slope.value:,.{digits}f} ±{slope.error:,.{digits}f}{unit}"


CLAIMS = (
    Claim(
        "active connections, peak / capacity",
        lambda m: f"{m.peak}/{m.pool_capacity}",
        lambda m: m.peak,
        "95/100",
        "8-12/100",
    ),
    Claim(
        "connection timeouts",
        lambda m: f"{m.timeouts_per_minute:.0f}/min",
        lambda m: m.timeouts_per_minute,
        "15-20/min",
        "0/day",
    ),
    Claim(
        "memory growth",
        lambda m: said(per_hour(m).client, " MiB/h"),
        _memory,
        "100 MB/hour",
        "0 MB/hour",
    ),
    Claim(
        "service restarts",
        lambda m: f"{m.restarts} in {m.seconds:.0f} s",
        lambda m: m.restarts,
        "3-4/day",
        "0/month",
    ),
    Claim(
        "pool wait, p95",
        lambda m: _seconds(m.pool_wait_p95),
        lambda m: m.pool_wait_p95,
        "5.2 s",
        "0.01 s",
    ),
    Claim(
        "latency, p50",
        lambda m: _seconds(m.latency.get("p50")),
        lambda m: m.latency.get("p50"),
    ),
    Claim(
        "latency, p99",
        lambda m: _seconds(m.latency.get("p99")),
        lambda m: m.latency.get("p99"),
    ),
    Claim(
        "pools exhausted",
        lambda m: ", ".join(m.exhausted) or "none",
        lambda m: len(m.exhausted),
    ),
    Claim("connections leaked", lambda m: str(m.leaked), lambda m: m.leaked),
    Claim(
        "requests answered", lambda m: str(m.answered), lambda m: m.answered
    ),
    Claim("requests failed", lambda m: str(m.failed), lambda m: m.failed),
)


def promises(record: Record) -> dict[str, bool]:
    """Say what the demonstration promises, and whether this run keeps it.

    Of a variant that was not measured nothing is said.
    """
    kept: dict[str, bool] = {}
    if before := record.variants.get("before"):
        kept |= {
            "before leaks connections": before.leaked > 0,
            "before exhausts a pool": bool(before.exhausted),
            "before lets requests time out": before.timeouts > 0,
            "before would have been restarted": before.restarts > 0,
        }
    if after := record.variants.get("after"):
        kept |= {
            "after leaks nothing": after.leaked == 0,
            "after lets no request time out": after.timeouts == 0,
            "after would not have been restarted": after.restarts == 0,
            "after answers every request": after.failed == 0,
        }
    return kept


def notes(record: Record) -> Iterable[str]:
    """Say what a reader has to know of the figures."""
    plan = record.plan
    yield (
        f"{plan.rate:g} arrivals a second for {plan.seconds} s, seed"
        f" {plan.seed}: the same requests at the same moments for both,"
        " whatever the service does. Latency is counted from the moment a"
        f" request was meant to be sent; after {plan.request_timeout:g} s the"
        " customer has gone, and the real latency is more."
    )
    yield (
        f"Pool timeout {plan.pool_timeout:g} s, so that a short run sees"
        " timeouts (the service's own default is 30 s)."
    )
    yield (
        "A restart: 3 failed probes of /readyz in a row, 1 s apart; nothing"
        " was really restarted."
    )
    yield (
        "Memory is the service process's alone: the slope of this run, ± its"
        " standard error, carried to an hour."
    )
    late = [
        measured.lateness_p99
        for measured in record.variants.values()
        if measured.lateness_p99 is not None
    ]
    if late:
        busy = " (a busy machine; latencies have it in them)"
        yield (
            f"The load itself was late by {max(late) * 1000:.0f} ms"
            f" (p99){busy if max(late) > LATE else ''}."
        )
