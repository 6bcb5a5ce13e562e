"""Prints what a run measured, and whether it shows what it should."""

from rich.console import Console

from lab.report.demo_run import DemoRun
from lab.report.figures import conclusion, expectations, notes
from lab.report.table import table


def show(run: DemoRun) -> bool:
    """Print a conclusion, the figures, and each expectation that is broken.

    Returns:
        Whether all expectations hold.

    """
    console = Console(highlight=False)
    console.print(conclusion(run))
    console.print(table(run))
    console.print(" ".join(notes(run)))
    expected = expectations(run)
    for expectation, holds in expected.items():
        if not holds:
            console.print(f"✗ expected, and not so: {expectation}")
    all_hold = all(expected.values())
    if all_hold:
        console.print(f"✓ all {len(expected)} expectations hold")
    return all_hold
