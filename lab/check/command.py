"""The command `check`: each lesson, before and after."""

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
        typer.Argument(metavar="[LESSON…]", help="Which; all if none."),
    ] = None,
    variant: Annotated[
        Variant | None,
        typer.Option(help="Which; both if none, each against its card."),
    ] = None,
    requests: Annotated[
        int, typer.Option(min=1, help="Requests of each scenario.")
    ] = 10,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests under way at once.")
    ] = 5,
    *,
    with_trap: Annotated[
        bool,
        typer.Option(
            "--with-trap",
            help="Show as well that what people do instead does not help.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, not a tree.")
    ] = False,
) -> None:
    """Send each lesson's scenarios, and count what they do to the pools.

    The service runs as a process of its own, its garbage collector switched
    off. With one variant, exit 0: no fault; 1: a fault; 2: could not run.
    Else exit 0 means that all is as the cards say: each before has its fault,
    no after has, and no trap helps.
    """
    chosen = named(lessons)
    ways: tuple[checking.Way, ...] = (
        (variant,) if variant else ("before", "after")
    )
    if with_trap:
        ways += ("trap",)
    with database() as settings:
        asyncio.run(check_server(settings))
        found = checking.run(
            chosen or LESSONS, ways, requests, concurrency, say
        )
    if as_json:
        print(json.dumps([asdict(outcome) for outcome in found], indent=2))
    else:
        Console(highlight=False).print(checking.tree(found))
    if variant and not with_trap:
        raise typer.Exit(any(outcome.found.count for outcome in found))
    raise typer.Exit(not all(outcome.as_stated for outcome in found))
