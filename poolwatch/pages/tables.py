"""The pages as tables, for `curl` and for `python -m poolwatch top`."""

import io
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from textwrap import shorten

from poolwatch.activity import Activity
from poolwatch.extras import extra
from poolwatch.findings import Finding
from poolwatch.pages.models import LeaksPage, LoansPage, OpenLoan

with extra("web"):
    from rich.console import Console, Group, RenderableType
    from rich.table import Table
    from rich.text import Text

WIDTH = 120
"""Columns of a page that `curl` gets."""
QUERY_WIDTH = 80
"""Characters of a query; the JSON page has more of it."""


def plain(page: RenderableType) -> str:
    """Lay a page out as text, the same in every terminal."""
    console = Console(
        file=io.StringIO(), width=WIDTH, force_terminal=False, _environ={}
    )
    with console.capture() as captured:
        console.print(page)
    lines = captured.get().splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def of_loans(page: LoansPage) -> Group:
    """Lay out pools with their verdicts, then each loan, oldest first."""
    return Group(*notes(page), pools(page), Text(), loans(page))


def of_leaks(page: LeaksPage) -> Group:
    """Lay out leaks by line, then the findings."""
    return Group(*_silent(page), leak_sites(page), Text(), findings(page))


def notes(page: LoansPage) -> list[Text]:
    """Say which replica responds, what is missing, and why."""
    names = {f"replica {p.replica}" for p in page.processes if p.replica}
    notes = {process.note for process in page.processes if process.note}
    lines = [*sorted(names), *sorted(notes)]
    return [*_silent(page), *(_text(line) for line in lines)]


def pools(page: LoansPage) -> Table:
    """Make a line for each pool, with the reason why its borrowers wait."""
    table = _table("process", "pool")
    _add_numbers(table, "lent", "of", "idle", "waiting", "oldest", "leaks")
    table.add_column("VERDICT", ratio=1)
    for pool in page.pools:
        verdict = pool.verdict
        _add_row(
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


def loans(page: LoansPage) -> Table:
    """Make a line for each loan, with what the server says below it."""
    table = _table("process", "pool", "pid", "state")
    _add_numbers(table, "age")
    _add_texts(table, "borrower", "borrowed at, doing")
    for loan in sorted(page.loans, key=lambda loan: -loan.age_seconds):
        borrower = [loan.borrower or "-"]
        if loan.request_id:
            borrower.append(f"request {loan.request_id}")
        _add_row(
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


def loan_sites(page: LoansPage) -> Table:
    """Count open loans by pool, line and state, the most first."""
    groups: dict[tuple[str, str, str], list[OpenLoan]] = defaultdict(list)
    for loan in page.loans:
        groups[loan.pool, loan.site or "-", loan.state].append(loan)
    table = _table("pool")
    _add_numbers(table, "loans")
    table.add_column("STATE")
    _add_numbers(table, "oldest")
    table.add_column("BORROWED AT", ratio=1, overflow="fold")
    for (pool, site, state), group in sorted(
        groups.items(), key=lambda item: -len(item[1])
    ):
        oldest = max(loan.age_seconds for loan in group)
        _add_row(table, pool, len(group), state, _age(oldest), site)
    return table


def leak_sites(page: LeaksPage) -> Table:
    """Count leaks by the line that borrowed."""
    table = _table("process", "pool")
    _add_numbers(table, "leaks")
    _add_texts(table, "borrower", "borrowed at")
    for site in page.sites:
        _add_row(
            table,
            site.process,
            site.pool,
            site.leaks,
            site.borrower or "-",
            site.site or "-",
        )
    return table


def findings(page: LeaksPage, most: int | None = None) -> Table:
    """Show the newest of each kind of finding and line, with a count."""
    groups: dict[tuple[object, ...], list[Finding]] = defaultdict(list)
    for row in page.findings:
        found = row.finding
        alike = found.kind, found.pool, found.borrower, found.site
        groups[row.process, *alike].append(found)
    table = _table("process")
    _add_numbers(table, "times")
    table.add_column("LAST AT", no_wrap=True)
    table.add_column("FINDING", ratio=1, overflow="fold")
    for (process, *_), group in islice(groups.items(), most):
        newest = group[0]
        _add_row(table, process, len(group), _moment(newest.at), newest)
    return table


def _silent(page: LoansPage | LeaksPage) -> list[Text]:
    return [_text(f"process {process}: no answer") for process in page.silent]


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, expand=True, header_style="bold")
    for column in columns:
        table.add_column(column.upper(), no_wrap=True)
    return table


def _add_numbers(table: Table, *columns: str) -> None:
    for column in columns:
        table.add_column(column.upper(), justify="right")


def _add_texts(table: Table, short: str, long: str) -> None:
    table.add_column(short.upper(), ratio=2, overflow="fold")
    table.add_column(long.upper(), ratio=3, overflow="fold")


def _add_row(table: Table, *cells: object) -> None:
    table.add_row(
        *(cell if isinstance(cell, Text) else _text(cell) for cell in cells)
    )


def _lines(texts: Iterable[str]) -> Text:
    return Text("\n").join(_text(text) for text in texts)


def _text(shown: object) -> Text:
    """Show what clients have sent, without what controls a terminal."""
    return Text("".join(c if c.isprintable() else " " for c in str(shown)))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%SZ")


def _age(seconds: float) -> str:
    return f"{seconds:.1f} s"


def _doing(activity: Activity | None) -> list[str]:
    """Say what the server says, one fact a line."""
    if activity is None:
        return []
    query = shorten(activity.query, QUERY_WIDTH, placeholder=" …")
    facts = [f"{activity.state}: {query}"]
    if activity.transaction_seconds is not None:
        facts.append(
            f"in transaction for {_age(activity.transaction_seconds)}"
        )
    if activity.state == "active" and activity.wait_event_type is not None:
        facts.append(
            f"waits for {activity.wait_event_type} {activity.wait_event}"
        )
    if activity.blocks:
        facts.append(f"blocks {', '.join(map(str, activity.blocks))}")
    return facts
