"""The commands `bench` and `bench-poolwatch`."""

from typing import Annotated

import typer

from app.cli.run import say
from lab.bench import fixed_routes, poolwatch_cost
from lab.bench.fixed_routes import Route
from lab.start import database


def bench(
    route: Annotated[
        list[Route] | None,
        typer.Option(help="Which; all if none. May be repeated."),
    ] = None,
    users: Annotated[
        int, typer.Option(min=1, max=500, help="Requests under way at once.")
    ] = 32,
    seconds: Annotated[
        int, typer.Option(min=1, help="How long each round takes.")
    ] = 2,
    rounds: Annotated[
        int, typer.Option(min=1, help="Alternated rounds; medians count.")
    ] = 3,
) -> None:
    """Measure the fixed routes against raw asyncpg and the write-up's fix."""
    with database():
        fixed_routes.run(route or [], users, seconds, rounds, say)


def bench_poolwatch(
    processes: Annotated[
        int, typer.Option(min=2, help="How many measure, one by one.")
    ] = 8,
    loops: Annotated[
        int, typer.Option(min=1, help="Repetitions for each of fifty values.")
    ] = 10,
) -> None:
    """Measure what poolwatch costs, in pairs, with it and without it.

    Exit 0 whatever the times: a machine may be busy.
    """
    with database():
        poolwatch_cost.run(processes, loops, say)
