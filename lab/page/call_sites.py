"""Open loans by the line that borrowed, leaked ones apart from others."""

from collections.abc import Awaitable, Callable
from html import escape

from nicegui import ui

from lab.page.stage import Stage
from lab.page.words import duration
from lab.reading import LineReading

Key = tuple[str, str]
"""A line of code and the pool that it borrowed from."""


class CallSites:
    """A button for each line; lives as long as the browser's page."""

    def __init__(
        self,
        stage: Stage,
        title: str,
        none: str,
        *states: str,
        on_choose: Callable[[str, str], Awaitable[None]],
    ) -> None:
        """Lay it out, for the loans that are in one of these states."""
        self._stage, self._states = stage, states
        self._on_choose = on_choose
        self._rows: dict[Key, ui.html] = {}
        with ui.element("section").classes(f"card sites {states[0]}"):
            with ui.element("div").classes("head"):
                ui.html(title, tag="h2", sanitize=False)
                self._sum = ui.html(tag="p", sanitize=False).classes("sum")
            self._none = ui.label(none).classes("none")
            self._list = ui.element("div").classes("list")

    def update(self) -> None:
        """Show the newest moment; a row that stays keeps the focus."""
        now = self._stage.history.now
        if now is None:
            return
        lines = () if now.presence == "away" else now.reading.lines
        found: dict[Key, list[LineReading]] = {}
        for line in lines:
            if line.state in self._states:
                found.setdefault((line.site, line.pool), []).append(line)
        for key in self._rows.keys() - found.keys():
            self._rows.pop(key).delete()
        for key, of_line in found.items():
            if key not in self._rows:
                self._rows[key] = self._row(*key)
            self._rows[key].content = _words(key, of_line)
        count = sum(line.loans for of in found.values() for line in of)
        self._sum.content = f"<b>{count}</b>"
        self._none.visible = not found

    def _row(self, site: str, pool: str) -> ui.html:
        with self._list:
            row = ui.html(tag="button", sanitize=False).classes("site")
        row.props('type="button"')
        row.on("click", lambda: self._on_choose(site, pool))
        return row


def _words(key: Key, lines: list[LineReading]) -> str:
    site, pool = key
    where, _, function = site.partition(" ")
    short = where.removeprefix("app/").removeprefix("lessons/")
    loans = sum(line.loans for line in lines)
    oldest = duration(max(line.oldest for line in lines))
    return (
        f"<b>{loans}</b> <code>{escape(short)}</code>"
        f" <span>{escape(function)}</span>"
        f" <small>{escape(pool)} · {oldest}</small>"
    )
