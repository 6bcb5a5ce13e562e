"""The demonstration: the same load on the leaky and on the fixed service.

Prints the write-up's last table, what it claims beside what this run has
measured, writes `report.json`, and says whether the demonstration holds.
"""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.lab.measure import (
    FAILURES_TO_RESTART,
    POOL_TIMEOUT,
    PROBE_SECONDS,
    Measured,
    measure,
)
from app.lesson import Variant
from app.replace_file import replace_file

Cell = Callable[[Measured], str]

ROWS: tuple[tuple[str, str, str, Cell], ...] = (
    (
        "active connections, peak / capacity",
        "95/100",
        "8-12/100",
        lambda m: f"{m.active_connections_peak}/{m.pool_capacity}",
    ),
    (
        "connection timeouts",
        "15-20/min",
        "0/day",
        lambda m: f"{m.timeouts_per_minute:.0f}/min",
    ),
    (
        "memory growth",
        "100 MB/hour",
        "0 MB/hour",
        lambda m: f"{m.rss_growth_mb_per_hour:.0f} MB/hour",
    ),
    (
        "service restarts",
        "3-4/day",
        "0/month",
        lambda m: f"{m.restarts} in {m.seconds:.0f} s",
    ),
    (
        "pool wait, p95",
        "5.2 s",
        "0.01 s",
        lambda m: f"{m.pool_wait_p95_seconds:.3f} s",
    ),
    ("connections leaked", "", "", lambda m: str(m.leaked_connections)),
    ("requests answered", "", "", lambda m: str(m.requests_ok)),
    ("requests failed", "", "", lambda m: str(m.requests_failed)),
)
"""Row, claimed before, claimed after, and how the measured cell is read."""


def run(seconds: int, users: int, folder: Path) -> bool:
    """Measure both variants, print and write; say whether it holds.

    Raises:
        ServiceFailedError: a service or its load went away.

    """
    console = Console(highlight=False)
    with Progress(
        TextColumn("{task.description}"),
        *Progress.get_default_columns()[1:2],
        TextColumn("{task.fields[lent]} lent"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        before = _measure("before", seconds, users, progress)
        after = _measure("after", seconds, users, progress)
    console.print(_table(before, after))
    console.print(
        f"{users} users, {seconds} s each. Pool timeout {POOL_TIMEOUT} s, so"
        " that a short run sees timeouts (the service's own default is 30 s)."
        f" A restart: {FAILURES_TO_RESTART} failed probes of /readyz in a row,"
        f" {PROBE_SECONDS} s apart; nothing was really restarted. Memory is"
        " the service process alone: the slope of this short run, carried to"
        " an hour, so it is rough."
    )
    promises = _promises(before, after)
    for promise, kept in promises.items():
        console.print(f"{'✓' if kept else '✗'} {promise}")
    path = _write(folder, seconds, users, before, after)
    console.print(f"written: {path}")
    return all(promises.values())


def _measure(
    variant: Variant, seconds: int, users: int, progress: Progress
) -> Measured:
    task = progress.add_task(f"{variant:6}", total=seconds, lent=0)

    def report(gone: float, lent: int) -> None:
        progress.update(task, completed=gone, lent=lent)

    return measure(variant, seconds, users, report)


def _table(before: Measured, after: Measured) -> Table:
    table = Table("")
    for variant in ("before", "after"):
        table.add_column(f"{variant}\nclaimed", style="dim", justify="right")
        table.add_column(f"{variant}\nmeasured", justify="right")
    for name, claimed_before, claimed_after, cell in ROWS:
        table.add_row(
            name, claimed_before, cell(before), claimed_after, cell(after)
        )
    return table


def _promises(before: Measured, after: Measured) -> dict[str, bool]:
    return {
        "before leaks connections": before.leaked_connections > 0,
        "before exhausts its pools": (
            before.active_connections_peak == before.pool_capacity
        ),
        "before lets requests time out": before.timeouts > 0,
        "before would have been restarted": before.restarts > 0,
        "after leaks nothing": after.leaked_connections == 0,
        "after lets no request time out": after.timeouts == 0,
        "after would not have been restarted": after.restarts == 0,
        "after answers every request": after.requests_failed == 0,
    }


def _write(
    folder: Path,
    seconds: int,
    users: int,
    before: Measured,
    after: Measured,
) -> Path:
    report = {
        "before": asdict(before),
        "after": asdict(after),
        "load": {"seconds": seconds, "users": users},
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "sqlalchemy": version("sqlalchemy"),
            "asyncpg": version("asyncpg"),
            "fastapi": version("fastapi"),
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.json"
    replace_file(path, json.dumps(report, indent=2))
    return path
