"""The command `check`: compare each lesson with its card."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from app.api import LESSONS
from app.cli.run import say
from app.cli.start import check_server
from app.lesson import Variant
from lab.check import run as checking
from lab.lessons import named
from lab.start import database


def check(
    lessons: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LESSON…]", help="Default: all."),
    ] = None,
    variant: Annotated[
        Variant | None,
        typer.Option(
            help="One variant; default: both, compared with the card."
        ),
    ] = None,
    requests: Annotated[
        int, typer.Option(min=1, help="Requests for each scenario.")
    ] = 10,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests sent at once.")
    ] = 5,
    *,
    with_trap: Annotated[
        bool,
        typer.Option(
            "--with-trap",
            help="Check the popular fix that does not help as well.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON.")
    ] = False,
) -> None:
    """Send each lesson's requests, and count leaked and blocked connections.

    It starts a service whose garbage collector is off. With --variant, exit 0
    if there is no fault, 1 if there is one. Otherwise exit 0 if every before
    has the fault of its card and no after has one; 1 if not. Exit 2 if the
    check could not run.
    """
    chosen = named(lessons)
    versions: tuple[checking.Version, ...] = (
        (variant,) if variant else ("before", "after")
    )
    if with_trap:
        versions += ("trap",)
    with database() as settings:
        asyncio.run(check_server(settings))
        found = checking.run(
            chosen or LESSONS, versions, requests, concurrency, say
        )
    if as_json:
        print(json.dumps([asdict(result) for result in found], indent=2))
    else:
        Console(highlight=False).print(checking.tree(found))
    if variant and not with_trap:
        raise typer.Exit(any(result.faults.count for result in found))
    raise typer.Exit(not all(result.as_expected for result in found))
