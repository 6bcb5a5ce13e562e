"""The pages as tables, for `curl` and for `python -m poolwatch top`."""

import io
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from textwrap import shorten

from poolwatch.activity import Activity
from poolwatch.extras import extra
from poolwatch.pages.models import Leaks, Loans, OpenLoan

with extra("web"):
    from rich.console import Console, Group, RenderableType
    from rich.table import Table
    from rich.text import Text

WIDTH = 120
"""Columns of a page that is asked for with `curl`."""
QUERY_WIDTH = 80
"""Characters of a query; JSON has more of it."""


def plain(page: RenderableType) -> str:
    """Lay a page out as text, the same in every terminal."""
    console = Console(
        file=io.StringIO(), width=WIDTH, force_terminal=False, _environ={}
    )
    with console.capture() as captured:
        console.print(page)
    lines = captured.get().splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def of_loans(page: Loans) -> Group:
    """Pools with their verdicts, then each loan, the oldest first."""
    return Group(*remarks(page), pools(page), Text(), loans(page))


def of_leaks(page: Leaks) -> Group:
    """Leaks by line, then each finding."""
    return Group(*silence(page.silent), leak_sites(page), Text(), found(page))


def remarks(page: Loans) -> list[Text]:
    """Who answers; what could not be had, and why."""
    names = {f"replica {p.replica}" for p in page.processes if p.replica}
    notes = {process.note for process in page.processes if process.note}
    said = [*sorted(names), *sorted(notes)]
    return [*silence(page.silent), *(_text(line) for line in said)]


def silence(processes: Iterable[int]) -> list[Text]:
    """Name the processes that did not answer."""
    return [_text(f"process {process}: no answer") for process in processes]


def pools(page: Loans) -> Table:
    """One line a pool, and below it why its borrowers wait."""
    table = _table("process", "pool")
    for number in ("lent", "of", "idle", "waiting", "oldest", "leaks"):
        table.add_column(number.upper(), justify="right")
    table.add_column("VERDICT", ratio=1)
    for pool in page.pools:
        verdict = pool.verdict
        _row(
            table,
            pool.process,
            pool.name,
            pool.lent,
            "∞" if pool.capacity is None else pool.capacity,
            pool.idle,
            pool.waiting,
            _age(pool.oldest_seconds),
            pool.leaks,
            f"{verdict.cause}: {verdict.because}; {verdict.cure}"
            if verdict
            else "",
        )
    return table


def loans(page: Loans) -> Table:
    """One line a loan, and below it what the server says."""
    table = _table("process", "pool", "pid", "state")
    table.add_column("AGE", justify="right")
    table.add_column("BORROWER", ratio=2, overflow="fold")
    table.add_column("BORROWED AT, DOING", ratio=3, overflow="fold")
    for loan in sorted(page.loans, key=lambda loan: -loan.age_seconds):
        borrower = [loan.borrower or "-"]
        if loan.request_id:
            borrower.append(f"request {loan.request_id}")
        _row(
            table,
            loan.process,
            loan.pool,
            loan.pid or "-",
            loan.state,
            _age(loan.age_seconds),
            _lines(borrower),
            _lines([loan.site or "-", *_doing(loan.activity)]),
        )
    return table


def loan_sites(page: Loans) -> Table:
    """Open loans by pool, line and state, the most first."""
    groups: dict[tuple[str, str, str], list[OpenLoan]] = defaultdict(list)
    for loan in page.loans:
        groups[loan.pool, loan.site or "-", loan.state].append(loan)
    table = _table("pool")
    table.add_column("LOANS", justify="right")
    table.add_column("STATE")
    table.add_column("OLDEST", justify="right")
    table.add_column("BORROWED AT", ratio=1, overflow="fold")
    for (pool, site, state), group in sorted(
        groups.items(), key=lambda item: -len(item[1])
    ):
        oldest = max(loan.age_seconds for loan in group)
        _row(table, pool, len(group), state, _age(oldest), site)
    return table


def leak_sites(page: Leaks) -> Table:
    """Leaks by the line that borrowed."""
    table = _table("process", "pool")
    table.add_column("LEAKS", justify="right")
    table.add_column("BORROWER", ratio=2, overflow="fold")
    table.add_column("BORROWED AT", ratio=3, overflow="fold")
    for site in page.sites:
        _row(
            table,
            site.process,
            site.pool,
            site.leaks,
            site.borrower or "-",
            site.site or "-",
        )
    return table


def found(page: Leaks, most: int | None = None) -> Table:
    """Each finding in a sentence."""
    table = _table("process", "at")
    table.add_column("FINDING", ratio=1, overflow="fold")
    for row in page.findings[:most]:
        _row(table, row.process, _moment(row.finding.at), str(row.finding))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, expand=True, header_style="bold")
    for column in columns:
        table.add_column(column.upper(), no_wrap=True)
    return table


def _row(table: Table, *cells: object) -> None:
    table.add_row(
        *(
            cell if isinstance(cell, Text) else _text(str(cell))
            for cell in cells
        )
    )


def _lines(texts: Iterable[str]) -> Text:
    return Text("\n").join(_text(text) for text in texts)


def _text(text: str) -> Text:
    """Show what callers have sent as it is, but for what steers terminals."""
    return Text("".join(c if c.isprintable() else " " for c in text))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%SZ")


def _age(seconds: float) -> str:
    return f"{seconds:.1f} s"


def _doing(activity: Activity | None) -> list[str]:
    """Say what the server says, each kind of thing on a line of its own."""
    if activity is None:
        return []
    query = shorten(activity.query, QUERY_WIDTH, placeholder=" …")
    said = [f"{activity.state}: {query}"]
    if activity.transaction_seconds is not None:
        said.append(f"in transaction for {_age(activity.transaction_seconds)}")
    if activity.state == "active" and activity.wait_event_type is not None:
        said.append(
            f"waits for {activity.wait_event_type} {activity.wait_event}"
        )
    if activity.blocks:
        said.append(f"blocks {', '.join(map(str, activity.blocks))}")
    return said
