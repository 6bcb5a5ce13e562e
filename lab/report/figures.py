"""The figures of a run, beside what the write-up claims of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import get_args

from app.lesson import Variant
from lab.report.demo_run import DemoRun, VariantResult
from lab.report.memory import (
    LONG_ENOUGH,
    WARM_UP,
    Side,
    Slope,
    growth,
    per_hour,
    per_leak,
)

VARIANTS: tuple[Variant, ...] = get_args(Variant)
SIDES: dict[Side, str] = {"service": "the service", "PostgreSQL": "PostgreSQL"}
NOT_MEASURED = "not measured"
TOO_SHORT = "too short to tell"
LATE = 0.1
"""Seconds of lateness that a reader should know about."""


@dataclass(frozen=True, slots=True)
class Row:
    """A figure: what was measured, and what the write-up claims.

    A part belongs to the row above it, and is indented.
    """

    name: str
    measured: dict[Variant, str]
    claimed: dict[Variant, str] = field(default_factory=dict)
    is_part: bool = False


def rows(run: DemoRun) -> Iterator[Row]:
    """List the figures in the order of the table."""

    def row(
        name: str, measure: Callable[[VariantResult], str], *claimed: str
    ) -> Row:
        cells = {
            variant: measure(run.variants[variant])
            if variant in run.variants
            else NOT_MEASURED
            for variant in VARIANTS
        }
        return Row(name, cells, dict(zip(VARIANTS, claimed, strict=False)))

    def part(
        name: str, measure: Callable[[VariantResult], str], *claimed: str
    ) -> Row:
        return replace(row(name, measure, *claimed), is_part=True)

    def heading(name: str, *claimed: str) -> Row:
        return row(name, lambda _: "", *claimed)

    yield heading("connections, peak", "95/100", "8-12/100")
    for pool in pools(run):
        yield part(f"{pool} pool", partial(_peak, pool))
    yield row("timed-out waits", _timeouts, "15-20/min", "0/day")
    yield row(
        "pool wait, p95",
        lambda v: duration(v.pool_wait_p95),
        *("5.2 s", "0.01 s"),
    )
    yield row("leaked connections", lambda v: f"{v.leaked:,}")
    yield part("reclaimed by GC", lambda v: f"{v.leaked - v.still_leaked:,}")
    yield part("open at the end", lambda v: f"{v.still_leaked:,}")
    yield heading("memory of one leak", "2 MB")
    for side, name in SIDES.items():
        yield part(f"in {name}", partial(_each_leak, per_leak(run, side)))
    yield row("service's memory", _growth)
    yield part(
        "per hour",
        lambda v: rate(per_hour(v, "service")),
        *("100 MB/h", "0 MB/h"),
    )
    yield row("restarts", lambda v: str(v.restarts), "3-4/day", "0/month")
    yield row("latency, p50", lambda v: duration(v.latency.get("p50")))
    yield row("latency, p99", lambda v: duration(v.latency.get("p99")))
    yield row("failed requests", lambda v: f"{v.failed:,} of {v.requests:,}")


def pools(run: DemoRun) -> list[str]:
    """Name the pools of any variant."""
    return sorted({pool for v in run.variants.values() for pool in v.capacity})


def _peak(pool: str, result: VariantResult) -> str:
    text = f"{result.peak(pool)}/{result.capacity.get(pool, 0)}"
    return f"{text} exhausted" if pool in result.exhausted else text


def _timeouts(result: VariantResult) -> str:
    minutes = len(result.per_second) / 60
    if not result.timeouts or not minutes:
        return f"{result.timeouts:,}"
    return f"{result.timeouts / minutes:,.0f}/min"


def duration(seconds: float | None) -> str:
    """Format seconds, short ones as milliseconds."""
    if seconds is None:
        return NOT_MEASURED
    if seconds >= 1:
        return f"{seconds:.2f} s"
    ms = seconds * 1000
    return f"{ms:.1f} ms" if ms < 10 else f"{ms:.0f} ms"  # noqa: PLR2004


def _growth(result: VariantResult) -> str:
    mib = growth(result, "service")
    return NOT_MEASURED if mib is None else f"{mib:+.1f} MiB"


def rate(slope: Slope | None) -> str:
    """Format MiB per hour with the error."""
    if slope is None:
        return TOO_SHORT
    return f"{slope.value:.1f} ±{slope.error:.1f} MiB/h"


def _each_leak(slope: Slope | None, result: VariantResult) -> str:
    if not result.leaked:
        return ""
    return NOT_MEASURED if slope is None else f"{slope.value:.2f} MiB"


def conclusion(run: DemoRun) -> str:
    """Sum the run up in one sentence."""
    parts = [
        f"{variant} {_what_happened(result)}"
        for variant, result in run.variants.items()
    ]
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _what_happened(result: VariantResult) -> str:
    leaked = f"{result.leaked:,} connections" if result.leaked else "nothing"
    names, many = " and ".join(result.exhausted), len(result.exhausted) > 1
    exhausted = f"the {names} pool{'s' * many}" if names else "no pool"
    failed = (
        f"failed {result.failed:,} of {result.requests:,} requests"
        if result.failed
        else f"answered all {result.requests:,} requests"
    )
    return f"leaked {leaked}, exhausted {exhausted} and {failed}"


def expectations(run: DemoRun) -> dict[str, bool]:
    """Say what the demonstration should show, and whether this run does.

    A variant that was not measured has no expectations.
    """
    kept: dict[str, bool] = {}
    if before := run.variants.get("before"):
        kept |= {
            "before leaks connections": before.leaked > 0,
            "before exhausts a pool": bool(before.exhausted),
            "before lets requests time out": before.timeouts > 0,
            "before would have been restarted": before.restarts > 0,
        }
    if after := run.variants.get("after"):
        kept |= {
            "after leaks nothing": after.leaked == 0,
            "after lets no request time out": after.timeouts == 0,
            "after would not have been restarted": after.restarts == 0,
            "after answers every request": after.failed == 0,
        }
    return kept


def notes(run: DemoRun) -> Iterator[str]:
    """Say how the figures were measured, in a sentence or two for each."""
    plan = run.plan
    yield (
        f"{plan.rate:g} requests a second for {plan.seconds} s, seed"
        f" {plan.seed}: both variants receive the same requests at the same"
        " moments."
    )
    yield (
        "Latency counts from the moment a request was due; the client gives"
        f" up after {plan.request_timeout:g} s."
    )
    yield (
        f"The pool timeout is {plan.pool_timeout:g} s; the service's default"
        " of 30 s would outlast a short run."
    )
    yield (
        "A restart is 3 failed probes of /readyz in a row, 1 s apart; the"
        " service was not really restarted."
    )
    yield (
        "Memory is private memory. The memory of each leaked connection was"
        " measured in a service without load. A rate per hour needs"
        f" {LONG_ENOUGH // 60} minutes after {WARM_UP // 60} minutes of"
        " warm-up: run `demo --seconds 600`."
    )
    machine = run.machine
    yield (
        "The machine's load average before was"
        f" {machine.get('load average before', 'unknown')}, with"
        f" {machine.get('cores', 'unknown')} cores; on a busy machine the"
        " fixed service fails requests, too."
    )
    late = [
        result.lateness_p99
        for result in run.variants.values()
        if result.lateness_p99 is not None
    ]
    if late:
        busy = ": this machine was busy" if max(late) > LATE else ""
        yield (
            f"The client sent requests {duration(max(late))} late (p99){busy}."
        )
