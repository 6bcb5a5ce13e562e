"""The demonstration: the same load on the leaky and on the fixed service.

Prints the write-up's last table, what it claims beside what this run has
measured, writes the report, and says whether the demonstration holds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import aiohttp
from rich.console import Console
from rich.progress import (
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from app.lesson import Variant
from app.settings import Settings
from lab import environment as surroundings
from lab import run_async as interruptible
from lab.demo.leak_memory import LEAKS, leak_one_by_one
from lab.demo.measure import measure
from lab.demo.recording import Recording
from lab.report.figures import CLAIMS, notes, promises
from lab.report.record import LeakStep, Plan, Record
from lab.report.write import write
from lab.service import Service, ServiceFailedError, free_port, running_service

VARIANTS: tuple[Variant, ...] = get_args(Variant)
ENDINGS = {KeyboardInterrupt: "Ctrl-C", SystemExit: "SIGTERM"}


def run(
    settings: Settings,
    plan: Plan,
    folder: Path,
    earlier: Record | None,
    say: Callable[[str], None],
) -> bool:
    """Measure both variants, print and write; say whether it holds.

    Raises:
        ServiceFailedError: a service went away.
        LoadFailedError: its load did.

    """
    folder.mkdir(parents=True, exist_ok=True)
    machine = surroundings.machine()
    versions = surroundings.versions(settings.direct_dsn)
    recordings: dict[Variant, Recording] = {}
    steps: list[LeakStep] = []

    def record(interrupted: str | None) -> Record:
        return Record(
            written=datetime.now(UTC).replace(microsecond=0),
            interrupted=interrupted,
            plan=plan,
            machine=machine,
            versions=versions,
            settings=surroundings.settings(
                settings, pool_timeout=plan.pool_timeout
            ),
            variants={
                variant: measured
                for variant, recording in recordings.items()
                if (measured := recording.measured())
            },
            leak_steps=steps,
        )

    try:
        with _progress() as progress:
            for variant in VARIANTS:
                recordings[variant] = Recording()
                _measure(
                    settings, plan, variant, recordings[variant], progress
                )
            steps += _leak(settings, plan, progress)
    except (KeyboardInterrupt, SystemExit, ChildProcessError) as end:
        partial = record(ENDINGS.get(type(end), "a failure"))
        if partial.variants:
            path = write(partial, folder, earlier)
            say(f"interrupted; a partial report: {path}")
        else:
            say("interrupted before anything was measured: nothing written")
        raise
    whole = record(None)
    console = Console(highlight=False)
    console.print(_table(whole))
    console.print(" ".join(notes(whole)))
    kept = promises(whole)
    for promise, holds in kept.items():
        console.print(f"{'✓' if holds else '✗'} {promise}")
    console.print(f"written: {write(whole, folder, earlier)}")
    return all(kept.values())


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        *Progress.get_default_columns()[1:2],
        TextColumn("{task.fields[lent]} lent"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _measure(
    settings: Settings,
    plan: Plan,
    variant: Variant,
    recording: Recording,
    progress: Progress,
) -> None:
    task = progress.add_task(f"{variant:6}", total=plan.seconds, lent=0)

    def show(gone: float, lent: int) -> None:
        progress.update(task, completed=gone, lent=lent)

    with _watched_service(plan) as (service, lookout):
        dsn = settings.direct_dsn
        interruptible.run(
            measure(service, lookout, dsn, variant, plan, recording, show)
        )


def _leak(
    settings: Settings, plan: Plan, progress: Progress
) -> list[LeakStep]:
    task = progress.add_task("memory", total=LEAKS, lent=0)

    def show(leaked: int) -> None:
        progress.update(task, completed=leaked, lent=leaked)

    with _watched_service(plan) as (service, lookout):
        dsn = settings.direct_dsn
        return interruptible.run(leak_one_by_one(service, lookout, dsn, show))


@contextmanager
def _watched_service(plan: Plan) -> Iterator[tuple[Service, str]]:
    """Start it with a thread that is never blocked, and give both ways in."""
    port = free_port()
    with running_service(
        POOL_TIMEOUT=str(plan.pool_timeout), POOLWATCH_PORT=str(port)
    ) as service:
        try:
            yield service, f"http://127.0.0.1:{port}"
        except (aiohttp.ClientError, TimeoutError) as error:
            log = service.log.read_text()[-2000:]
            message = f"the service went away: {error!r}\n{log}"
            raise ServiceFailedError(message) from error


def _table(record: Record) -> Table:
    table = Table("")
    for variant in VARIANTS:
        table.add_column(f"{variant}\nclaimed", style="dim", justify="right")
        table.add_column(f"{variant}\nmeasured", justify="right")
    for claim in CLAIMS:
        cells = [
            cell
            for variant in VARIANTS
            for cell in (
                claim.claimed[variant],
                claim.measured(record.variants[variant]),
            )
        ]
        table.add_row(claim.name, *cells)
    return table
