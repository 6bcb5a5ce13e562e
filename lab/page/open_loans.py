"""Checked-out connections by the line of code that has them."""

from collections.abc import Awaitable, Callable
from html import escape

from nicegui import ui

from lab.page.control_client import ControlError
from lab.page.controls import dialog
from lab.page.dashboard import Dashboard
from lab.page.diff import lines_around
from lab.page.words import count, duration
from lab.reading import LineReading
from poolwatch.pages.models import OpenLoan

PIDS = 6
"""Process ids shown for a group of connections."""

LineKey = tuple[str, str, str]
"""A line of code, the pool, and the state of its loans."""


def open_loans(
    dashboard: Dashboard, choose: Callable[[str, str], Awaitable[None]]
) -> Callable[[], None]:
    """LineKey the list here; the returned function updates it."""
    rows: dict[LineKey, ui.html] = {}
    with ui.element("section").classes("card sites"):
        with ui.element("div").classes("head"):
            ui.html(
                "Checked-out connections, by line", tag="h2", sanitize=False
            )
            total = ui.html(tag="p", sanitize=False).classes("sum")
        none = ui.label("No connection is checked out.").classes("none")
        with ui.element("div").classes("list"):
            leaked_rows, other_rows = ui.element("div"), ui.element("div")

    def make_row(site: str, pool: str, state: str) -> ui.html:
        with leaked_rows if state == "leaked" else other_rows:
            row = ui.html(tag="button", sanitize=False)
        row.classes(f"site {state}").props('type="button"')
        return row.on("click", lambda: choose(site, pool))

    def update() -> None:
        """Show the newest reading; a row that stays keeps the focus."""
        now = dashboard.history.now
        lines = now.reading.lines if now and now.service != "down" else ()
        found = {(line.site, line.pool, line.state): line for line in lines}
        for gone in rows.keys() - found.keys():
            rows.pop(gone).delete()
        for place, line in found.items():
            if place not in rows:
                rows[place] = make_row(*place)
            rows[place].content = _row(line)
        leaked = now.leaked() if now and lines else 0
        in_use = sum(line.loans for line in lines) - leaked
        total.content = f"<b>{leaked}</b> leaked <b>{in_use}</b> in use"
        none.visible = not found

    return update


def _row(line: LineReading) -> str:
    where, _, function = line.site.partition(" ")
    short = where.removeprefix("app/").removeprefix("lessons/")
    state = "in use" if line.state == "open" else line.state
    return (
        f"<b>{line.loans}</b> <i>{state}</i> <code>{escape(short)}</code>"
        f" <span>{escape(function)}</span>"
        f" <small>{escape(line.pool)} · {duration(line.oldest)}</small>"
    )


def call_site_dialog(
    dashboard: Dashboard,
) -> Callable[[str, str], Awaitable[None]]:
    """Make the dialog of one line, closed; the result opens it."""
    with dialog("") as (made, title):
        body = ui.html(sanitize=False)

    async def show(site: str, pool: str) -> None:
        title.content = f"<code>{escape(site)}</code>"
        body.content = "<p>Reading …</p>"
        made.open()
        dashboard.progress = "line found"
        try:
            page = await dashboard.control.loans()
        except ControlError as error:
            body.content = f"<p>{escape(str(error))}</p>"
            return
        loans = [
            loan
            for loan in page.loans
            if (loan.site or "unknown") == site and loan.pool == pool
        ]
        notes = {process.note for process in page.processes if process.note}
        body.content = _details(site, loans, notes)

    return show


def _details(site: str, loans: list[OpenLoan], notes: set[str]) -> str:
    source = lines_around(site)
    if not loans:
        return f"{source}<p>This line has no connection any more.</p>"
    oldest = max(loans, key=lambda loan: loan.age_seconds)
    borrower = escape(oldest.borrower or "code outside any request")
    calls = "".join(
        f"<li><code>{escape(call)}</code></li>" for call in oldest.stack
    )
    groups: dict[tuple[str, str], list[OpenLoan]] = {}
    for loan in loans:
        unknown = "not known" if notes else "closed"
        groups.setdefault(_seen_by_server(loan, unknown), []).append(loan)
    largest_first = sorted(groups.items(), key=lambda item: -len(item[1]))
    same = "".join(_group(*seen, of_group) for seen, of_group in largest_first)
    why = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        f"<p><b>{count(len(loans), 'connection')}</b>, checked out by"
        f" <code>{borrower}</code></p>{source}"
        f"<h3>As PostgreSQL's pg_stat_activity shows them</h3>{same}{why}"
        f"<h3>Call stack of the oldest, innermost first</h3><ol>{calls}</ol>"
    )


def _seen_by_server(loan: OpenLoan, unknown: str) -> tuple[str, str]:
    """Its state on both sides, and its query: equal ones are one group."""
    seen = loan.activity
    if seen is None:
        return f"{loan.state}; in PostgreSQL: {unknown}", ""
    words = f"{loan.state}; in PostgreSQL: {seen.state}"
    if seen.wait_event_type == "Lock":
        words += f", waits for a lock ({seen.wait_event})"
    if seen.blocks:
        words += f", blocks {count(len(seen.blocks), 'other')}"
    return words, " ".join(seen.query.split())


def _group(server: str, query: str, loans: list[OpenLoan]) -> str:
    seconds = [loan.age_seconds for loan in loans]
    ages = duration(max(seconds))
    if (least := duration(min(seconds))) != ages:
        ages = f"{least} to {ages}"
    pids = ", ".join(str(loan.pid or "?") for loan in loans[:PIDS])
    more = f" and {len(loans) - PIDS} more" if len(loans) > PIDS else ""
    return (
        f'<div class="group"><b>{len(loans)} ×</b> <b>{escape(server)}</b>'
        f"<br><code>{escape(query)}</code><br>"
        f"<small>checked out for {ages}; process ids {pids}{more}</small>"
        "</div>"
    )
