"""The commands that measure the leak, and show what was measured."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.run import say
from lab.demo import run as demonstration
from lab.report.record import NotAReportError, Plan, Record, load
from lab.report.write import write_pages
from lab.start import database

Earlier = Annotated[
    Path | None,
    typer.Option(
        metavar="OLD.json",
        exists=True,
        dir_okay=False,
        help="The report.json of another run, to be shown beside this one.",
    ),
]


def demo(
    seconds: Annotated[
        int, typer.Option(min=5, help="How long each variant is loaded.")
    ] = 30,
    rate: Annotated[
        float, typer.Option(min=1, help="Arrivals a second.")
    ] = 60,
    seed: Annotated[
        int, typer.Option(help="The same seed sends the same requests.")
    ] = 1,
    pool_timeout: Annotated[
        float,
        typer.Option(
            min=0.5, help="Seconds a request waits for a connection."
        ),
    ] = 5,
    report: Annotated[
        Path, typer.Option(help="Folder for the report; it is overwritten.")
    ] = Path("report"),
    compare: Earlier = None,
) -> None:
    """Load the leaky and then the fixed service, and compare the two.

    Prints the write-up's last table with what it claims beside what this
    run measured, and writes a report to look at. Exit 0 only if the
    demonstration holds: before exhausts a pool, after loses nothing.
    """
    plan = Plan(
        rate=rate,
        seconds=seconds,
        seed=seed,
        pool_timeout=pool_timeout,
        request_timeout=2 * pool_timeout,
        warm_up_seconds=min(5, seconds / 5),
    )
    earlier = _load(compare) if compare else None
    with database() as settings:
        holds = demonstration.run(settings, plan, report, earlier, say)
    raise typer.Exit(not holds)


def report(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="REPORT.json",
            exists=True,
            dir_okay=False,
            help="What `demo` has written.",
        ),
    ] = Path("report/report.json"),
    compare: Earlier = None,
) -> None:
    """Write the pages of an earlier run again, from its report.json.

    Nothing is measured: what is shown is what the file says.
    """
    earlier = _load(compare) if compare else None
    print(f"written: {write_pages(_load(file), file.parent, earlier)}")


def _load(file: Path) -> Record:
    try:
        return load(file)
    except NotAReportError as error:
        raise typer.BadParameter(str(error)) from error
