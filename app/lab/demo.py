"""The demonstration: the same load on the leaky and on the fixed service.

Prints the write-up's last table, what it claims beside what this run has
measured, writes the report, and says whether the demonstration holds.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import aiohttp
from rich.console import Console
from rich.progress import (
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from app.lab import surroundings
from app.lab.measure import measure
from app.lab.recording import Recording
from app.lab.report.figures import CLAIMS, notes, promises
from app.lab.report.record import Plan, Record
from app.lab.report.write import write
from app.lab.service import (
    Service,
    ServiceFailedError,
    free_port,
    running_service,
)
from app.lesson import Variant
from app.settings import Settings

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

    def record(interrupted: str | None) -> Record:
        return Record(
            written=datetime.now(UTC).isoformat(timespec="seconds"),
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
        )

    try:
        _measure_both(settings, plan, recordings)
    except (KeyboardInterrupt, SystemExit) as end:
        partial = record(ENDINGS[type(end)])
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


def _measure_both(
    settings: Settings, plan: Plan, recordings: dict[Variant, Recording]
) -> None:
    with Progress(
        TextColumn("{task.description}"),
        *Progress.get_default_columns()[1:2],
        TextColumn("{task.fields[lent]} lent"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        for variant in VARIANTS:
            task = progress.add_task(
                f"{variant:6}", total=plan.seconds, lent=0
            )

            def show(gone: float, lent: int, task: TaskID = task) -> None:
                progress.update(task, completed=gone, lent=lent)

            recordings[variant] = Recording()
            _measure(settings, plan, variant, recordings[variant], show)


def _measure(
    settings: Settings,
    plan: Plan,
    variant: Variant,
    recording: Recording,
    show: Callable[[float, int], None],
) -> None:
    port = free_port()
    with running_service(
        POOL_TIMEOUT=str(plan.pool_timeout), POOLWATCH_PORT=str(port)
    ) as service:
        lookout = f"http://127.0.0.1:{port}"
        dsn = settings.direct_dsn
        try:
            asyncio.run(
                measure(service, lookout, dsn, variant, plan, recording, show)
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _went_away(service, error) from error


def _went_away(service: Service, error: Exception) -> ServiceFailedError:
    log = service.log.read_text()[-2000:]
    return ServiceFailedError(f"the service went away: {error!r}\n{log}")


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
