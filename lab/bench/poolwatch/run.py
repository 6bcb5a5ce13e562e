"""Measure all that poolwatch costs, one after the other; print and write."""

import asyncio
from collections.abc import Callable

import httpx
from rich.console import Console
from rich.progress import Progress

from app.settings import Settings
from lab.bench.poolwatch import checkouts, loans, report, throughput
from lab.service import ServiceFailedError


def run(rounds: int, loads: int) -> None:
    """Measure, print and write; a limit that is not met is no error.

    Args:
        rounds: alternated rounds of checkouts, and of loans.
        loads: alternated loads of each service.

    Raises:
        ServiceFailedError: a service went away, or a request failed.

    """
    # Nothing paints in between: what a thread computes would be measured.
    with Progress(console=Console(stderr=True), auto_refresh=False) as shown:
        steps = len(checkouts.POOLS) + len(loans.STACKS) + 2
        steps += len(throughput.SWITCH) * loads
        task = shown.add_task("checkouts", total=steps)

        def tick(done: str) -> None:
            shown.update(task, description=done, advance=1, refresh=True)

        measured = asyncio.run(_measure(rounds, loads, tick))
    report.show(measured)
    for file in report.write(measured):
        print(f"written: {file}")


async def _measure(
    rounds: int, loads: int, tick: Callable[[str], None]
) -> report.Measured:
    try:
        return report.Measured(
            await checkouts.measure(rounds, Settings(), tick),
            await throughput.measure(loads, tick),
            await loans.measure_bytes(tick),
            await loans.measure_time(rounds, tick),
        )
    except httpx.HTTPError as error:
        raise ServiceFailedError(str(error)) from error
