"""What `bench` has measured, as a table and as `report/bench.json`."""

import json
import os
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Self

from rich.console import Console
from rich.table import Table

from app.replace_file import replace_file

REPORT = Path("report/bench.json")
AIM = 0.5
"""The part of raw's speed that *after* should reach."""

PACKAGES = (
    "fastapi",
    "uvicorn",
    "sqlalchemy",
    "sqlmodel",
    "asyncpg",
    "psycopg",
    "locust",
)


@dataclass(frozen=True, slots=True)
class Round:
    """What the client has seen in one round."""

    requests_per_second: float
    p50_ms: int
    p99_ms: int

    @classmethod
    def from_locust(cls, found: Mapping[str, Any]) -> Self:
        """Read an entry of Locust's statistics, which has whole ms."""
        times = Counter(
            {int(ms): count for ms, count in found["response_times"].items()}
        )
        ordered = sorted(times.elements())
        last = len(ordered) - 1
        seconds = found["last_request_timestamp"] - found["start_time"]
        return cls(
            requests_per_second=found["num_requests"] / seconds,
            p50_ms=ordered[round(0.50 * last)],
            p99_ms=ordered[round(0.99 * last)],
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """The medians of all rounds, and how far the rounds lie apart."""

    requests_per_second: float
    slowest_round: float
    fastest_round: float
    p50_ms: float
    p99_ms: float
    pool_wait_p95_ms: float | None
    """Of all rounds together, counted where the pool is."""


Results = Mapping[str, Mapping[str, Measured]]
"""By route, then by way: raw, write-up, after."""


def medians(rounds: list[Round], pool_wait: float | None = None) -> Measured:
    """Sum up the rounds of one route and way; `pool_wait` is in ms."""
    speeds = [each.requests_per_second for each in rounds]
    return Measured(
        requests_per_second=round(median(speeds), 1),
        slowest_round=round(min(speeds), 1),
        fastest_round=round(max(speeds), 1),
        p50_ms=median(each.p50_ms for each in rounds),
        p99_ms=median(each.p99_ms for each in rounds),
        pool_wait_p95_ms=pool_wait and round(pool_wait, 2),
    )


def ratio(ways: Mapping[str, Measured], other: str) -> float:
    """How many requests *after* answers for each one of another way."""
    after = ways["after"].requests_per_second
    return round(after / ways[other].requests_per_second, 2)


def show(
    results: Results, nothing: Measured, facts: Mapping[str, Any]
) -> None:
    """Print the table, and what is needed to read it."""
    table = Table("")
    for heading in (
        "requests/s",
        "slowest-fastest\nround",
        "p50\nms",
        "p99\nms",
        "pool wait\np95, ms",
        "after /\nraw",
        "after /\nwrite-up",
    ):
        table.add_column(heading, justify="right")
    for route, ways in results.items():
        table.add_row(f"[bold]{route}")
        for way, measured in ways.items():
            ratios = (
                [f"{ratio(ways, 'raw'):.2f}", f"{ratio(ways, 'write-up'):.2f}"]
                if way == "after"
                else []
            )
            table.add_row(f"  {way}", *_cells(measured), *ratios)
        table.add_section()
    table.add_row("an endpoint that does nothing", *_cells(nothing))
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"Medians of {facts['rounds']} alternated rounds,"
        f" {facts['seconds']} s each, {facts['users']} users without a pause,"
        " one worker each way. raw: one statement on asyncpg, rows made"
        " bytes, no metrics. write-up: its own fix, `Session` in `def`."
        " after: as the service has it, metrics and lab on. The aim is"
        f" {AIM} of raw for GET /orders and process. Client, service and"
        f" PostgreSQL {facts['postgresql']} share this machine:"
    )
    console.print(
        ", ".join(f"{key} {fact}" for key, fact in machine().items())
    )


def _cells(measured: Measured) -> list[str]:
    wait = measured.pool_wait_p95_ms
    return [
        f"{measured.requests_per_second:.0f}",
        f"{measured.slowest_round:.0f}-{measured.fastest_round:.0f}",
        f"{measured.p50_ms:.0f}",
        f"{measured.p99_ms:.0f}",
        "" if wait is None else f"{wait:.2f}",
    ]


def machine() -> dict[str, str]:
    """What this was measured on."""
    return {
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    } | {package: version(package) for package in PACKAGES}


def write(
    results: Results, nothing: Measured, facts: Mapping[str, Any]
) -> None:
    """Write the same numbers, in one step that no reader sees half of."""
    report = {
        "load": facts,
        "machine": machine(),
        "nothing": asdict(nothing),
        "routes": {
            route: {way: asdict(found) for way, found in ways.items()}
            | {
                "after_of_raw": ratio(ways, "raw"),
                "after_of_write_up": ratio(ways, "write-up"),
            }
            for route, ways in results.items()
        },
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    replace_file(REPORT, json.dumps(report, indent=2))
