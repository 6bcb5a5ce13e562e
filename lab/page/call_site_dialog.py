"""One call site: its stack, and what the server says of its connections."""

from html import escape

from nicegui import ui

from lab.page.remote import RemoteError
from lab.page.stage import Stage
from lab.page.words import duration
from poolwatch.pages.models import OpenLoan

MOST = 8
"""Connections shown; the others of the same line are alike."""


class CallSiteDialog:
    """Asks when it is opened; lives as long as the browser's page."""

    def __init__(self, stage: Stage) -> None:
        """Lay it out, closed."""
        self._stage = stage
        with (
            ui.dialog() as self._dialog,
            ui.card()
            .classes("dialog")
            .props('role="document" aria-labelledby="site-title"'),
        ):
            with ui.element("div").classes("head"):
                self._title = ui.html(tag="h2", sanitize=False)
                self._title.props('id="site-title"')
                close = ui.button("Close", on_click=self._dialog.close)
                close.props("flat no-caps autofocus")
            self._body = ui.html(sanitize=False).classes("body")

    async def open(self, site: str, pool: str) -> None:
        """Ask who holds what now, and show what this line does."""
        self._title.content = f"<code>{escape(site)}</code>"
        self._body.content = "<p>Asking …</p>"
        self._dialog.open()
        try:
            page = await self._stage.remote.loans()
        except RemoteError as error:
            self._body.content = f"<p>{escape(str(error))}</p>"
            return
        loans = [
            loan
            for loan in page.loans
            if (loan.site or "unknown") == site and loan.pool == pool
        ]
        loans.sort(key=lambda loan: -loan.age_seconds)
        notes = {process.note for process in page.processes if process.note}
        self._body.content = (
            _stack(loans) + _activity(loans, notes)
            if loans
            else "<p>Nothing that this line borrowed is open any more.</p>"
        )


def _stack(loans: list[OpenLoan]) -> str:
    """Of the oldest loan; those of one line come mostly the same way."""
    oldest = loans[0]
    calls = "".join(
        f"<li><code>{escape(call)}</code></li>" for call in oldest.stack
    )
    who = escape(oldest.borrower or "nobody who named himself")
    return (
        f"<p><b>{len(loans)}</b> open, borrowed by <code>{who}</code></p>"
        f"<h3>Who called, innermost first</h3><ol>{calls}</ol>"
    )


def _activity(loans: list[OpenLoan], notes: set[str]) -> str:
    heads = ("pid", "loan", "age", "server says", "in transaction", "query")
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    unseen = "?" if notes else "gone"
    rows = "".join(f"<tr>{_row(each, unseen)}</tr>" for each in loans[:MOST])
    more = len(loans) - MOST
    rest = f"<p>and {more} more</p>" if more > 0 else ""
    why = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        "<h3>Their rows in pg_stat_activity</h3>"
        f'<table class="rows"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        f"{rest}{why}"
    )


def _row(loan: OpenLoan, unseen: str) -> str:
    seen = loan.activity
    blocks = f", blocks {seen.blocks}" if seen and seen.blocks else ""
    waits = (
        f", waits: {seen.wait_event}"
        if seen and seen.wait_event_type == "Lock"
        else ""
    )
    cells = (
        str(loan.pid or "?"),
        loan.state,
        duration(loan.age_seconds),
        f"{seen.state}{waits}{blocks}" if seen else unseen,
        duration(seen.transaction_seconds) if seen else "?",
    )
    query = escape(" ".join(seen.query.split())) if seen else "?"
    return (
        "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + f"<td><code>{query}</code></td>"
    )
