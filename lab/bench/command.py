"""The commands `bench` and `bench-poolwatch`."""

from typing import Annotated

import typer

from lab.bench import run as benchmark
from lab.bench.poolwatch import run as poolwatch_cost
from lab.start import database


def bench(
    seconds: Annotated[
        int, typer.Option(min=1, help="How long each round takes.")
    ] = 2,
    rounds: Annotated[
        int, typer.Option(min=1, help="Alternated rounds; medians count.")
    ] = 3,
) -> None:
    """Measure the fixed routes against raw asyncpg and the write-up's fix."""
    with database():
        benchmark.run(seconds, rounds)


def bench_poolwatch(
    rounds: Annotated[
        int,
        typer.Option(
            min=2, help="Alternated rounds of checkouts; medians count."
        ),
    ] = 300,
    loads: Annotated[
        int,
        typer.Option(min=2, help="Alternated loads each way; medians count."),
    ] = 120,
) -> None:
    """Measure what poolwatch costs, in pairs, with it and without it.

    Exit 0 whatever the times: a machine may be busy.
    """
    with database():
        poolwatch_cost.run(rounds, loads)
