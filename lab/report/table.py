"""The figures as a table for a terminal of 80 columns."""

from rich import box
from rich.table import Table

from lab.report.demo_run import DemoRun
from lab.report.figures import VARIANTS, rows


def table(run: DemoRun) -> Table:
    """Lay the figures out, claimed beside measured."""
    found = Table("", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for variant in VARIANTS:
        found.add_column(f"{variant}\nclaimed", style="dim", justify="right")
        found.add_column(f"{variant}\nmeasured", justify="right")
    for row in rows(run):
        cells = [
            cell
            for variant in VARIANTS
            for cell in (row.claimed.get(variant, ""), row.measured[variant])
        ]
        found.add_row(f"{'  ' * row.is_part}{row.name}", *cells)
    return found
