"""The demonstration: the same load on the leaky and on the fixed service.

Prints a conclusion and the figures, what the write-up claims beside what this
run measured, and writes the report.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.lesson import Variant
from app.settings import Settings
from lab import environment, run_async
from lab.demo.leak_memory import LEAKS, leak_one_by_one
from lab.demo.measure import measure
from lab.demo.recorder import VariantRecorder
from lab.report import summary
from lab.report.demo_run import DemoPlan, DemoRun, LeakStep
from lab.report.figures import VARIANTS
from lab.report.write import write
from lab.service import Service, ServiceFailedError, free_port, running_service

ENDINGS = {KeyboardInterrupt: "Ctrl-C", SystemExit: "SIGTERM"}


def run(
    settings: Settings,
    plan: DemoPlan,
    folder: Path,
    earlier: DemoRun | None,
    say: Callable[[str], None],
) -> bool:
    """Measure both variants, print and write.

    Returns:
        Whether the run shows what it should.

    Raises:
        ServiceFailedError: a service ended.
        LoadFailedError: its load failed.

    """
    machine = environment.machine()
    versions = environment.versions(settings.direct_dsn)
    recorders: dict[Variant, VariantRecorder] = {}
    steps: list[LeakStep] = []

    def demo_run(interrupted: str | None) -> DemoRun:
        return DemoRun(
            written=datetime.now(UTC).replace(microsecond=0),
            interrupted=interrupted,
            plan=plan,
            machine=machine,
            versions=versions,
            settings=environment.settings(
                settings, pool_timeout=plan.pool_timeout
            ),
            variants={
                variant: result
                for variant, recorder in recorders.items()
                if (result := recorder.result())
            },
            leak_steps=steps,
        )

    try:
        with _progress() as progress:
            for variant in VARIANTS:
                recorders[variant] = VariantRecorder()
                _measure(settings, plan, variant, recorders[variant], progress)
            steps += _leak(settings, plan, progress)
    except (KeyboardInterrupt, SystemExit, ChildProcessError) as end:
        partial = demo_run(ENDINGS.get(type(end), "a failure"))
        if partial.variants:
            path = write(partial, folder, earlier)
            say(f"interrupted; a partial report: {path}")
        else:
            say("interrupted before anything was measured: nothing written")
        raise
    whole = demo_run(None)
    page = write(whole, folder, earlier)
    holds = summary.show(whole)
    print(f"written: {page}")
    return holds


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[in_use]} in use"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _measure(
    settings: Settings,
    plan: DemoPlan,
    variant: Variant,
    recorder: VariantRecorder,
    progress: Progress,
) -> None:
    task = progress.add_task(f"{variant:6}", total=plan.seconds, in_use=0)

    def show(gone: float, in_use: int) -> None:
        progress.update(task, completed=gone, in_use=in_use)

    with _running(plan) as (service, url):
        dsn = settings.direct_dsn
        run_async.run(
            measure(service, url, dsn, variant, plan, recorder, show)
        )


def _leak(
    settings: Settings, plan: DemoPlan, progress: Progress
) -> list[LeakStep]:
    task = progress.add_task("memory", total=LEAKS, in_use=0)

    def show(leaked: int) -> None:
        progress.update(task, completed=leaked, in_use=leaked)

    with _running(plan) as (service, url):
        dsn = settings.direct_dsn
        return run_async.run(leak_one_by_one(service, url, dsn, show))


@contextmanager
def _running(plan: DemoPlan) -> Iterator[tuple[Service, str]]:
    """Start the service; yield it and the URL of poolwatch's own thread."""
    port = free_port()
    with running_service(
        POOL_TIMEOUT=str(plan.pool_timeout), POOLWATCH_PORT=str(port)
    ) as service:
        try:
            yield service, f"http://127.0.0.1:{port}"
        except (httpx.HTTPError, TimeoutError) as error:
            log = service.log_tail
            message = f"the service does not respond: {error!r}\n{log}"
            raise ServiceFailedError(message) from error
