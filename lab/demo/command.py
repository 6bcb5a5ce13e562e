"""The commands that measure the leak, and show what was measured."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.run import say
from lab.demo import run as demonstration
from lab.load.command import finite
from lab.report.demo_run import DemoPlan, DemoRun, NotAReportError, load
from lab.report.write import prepare_folder, write_pages
from lab.start import database

EarlierOption = Annotated[
    Path | None,
    typer.Option(
        metavar="OLD.json",
        exists=True,
        help="The report.json of another run, to be shown beside this one.",
    ),
]


def demo(
    seconds: Annotated[
        int,
        typer.Option(
            min=5,
            max=86_400,
            help="How long each variant is loaded; 600 gives memory per hour.",
        ),
    ] = 30,
    rate: Annotated[
        float,
        typer.Option(
            min=1, max=10_000, callback=finite, help="Requests per second."
        ),
    ] = 60,
    seed: Annotated[
        int, typer.Option(help="The same seed sends the same requests.")
    ] = 1,
    pool_timeout: Annotated[
        float,
        typer.Option(
            min=0.5,
            max=86_400,
            callback=finite,
            help="Seconds a request waits for a connection.",
        ),
    ] = 5,
    report: Annotated[
        Path, typer.Option(help="Folder for the report; it is overwritten.")
    ] = Path("report"),
    compare: EarlierOption = None,
) -> None:
    """Load the leaky and then the fixed service, and compare the two.

    Prints what the write-up claims beside what this run measured, and writes
    a report. Exit 0 only if the run shows what it should: before exhausts a
    pool, after fails no request.
    """
    plan = DemoPlan(
        rate=rate,
        seconds=seconds,
        seed=seed,
        pool_timeout=pool_timeout,
        request_timeout=2 * pool_timeout,
        warm_up_seconds=min(5, seconds / 5),
    )
    earlier = _load(compare) if compare else None
    prepare_folder(report)
    with database() as settings:
        holds = demonstration.run(settings, plan, report, earlier, say)
    raise typer.Exit(not holds)


def report(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="REPORT.json", exists=True, help="Written by `demo`."
        ),
    ] = Path("report/report.json"),
    compare: EarlierOption = None,
) -> None:
    """Write the pages of an earlier run again, from its report.json.

    Nothing is measured: the pages show what the file says.
    """
    earlier = _load(compare) if compare else None
    print(f"written: {write_pages(_load(file), file.parent, earlier)}")


def _load(file: Path) -> DemoRun:
    try:
        return load(file)
    except NotAReportError as error:
        raise typer.BadParameter(str(error)) from error
