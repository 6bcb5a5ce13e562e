"""Single figures with their last minutes: waits, the loop, memory; and lists.

The lists are what PostgreSQL counts by state, and Python's collector.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nicegui import ui

from lab.page.history import MOMENTS, Moment
from lab.page.stage import Stage
from lab.page.words import duration, memory

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: what it is called, its value, and how that is written."""

    title: str
    value: Callable[[Moment], float | None]
    write: Callable[[float | None], str]
    least: float
    """The top of its line, unless it is higher: noise shall look small."""


def _memory(size: float | None) -> str:
    return memory(None if size is None else int(size))


FIGURES = (
    Figure("Wait for a pool, p95", lambda m: m.p95, duration, 0.1),
    Figure("Event-loop lag", lambda m: m.reading.loop_lag, duration, 0.1),
    Figure(
        "Service's memory",
        lambda m: m.reading.service_bytes,
        _memory,
        200 * MEGABYTE,
    ),
    Figure(
        "Its backends' memory",
        lambda m: m.reading.backends_bytes,
        _memory,
        200 * MEGABYTE,
    ),
)


class Figures:
    """All of them; lives as long as the browser's page."""

    def __init__(self, stage: Stage) -> None:
        """Lay them out."""
        self._stage = stage
        self._values: list[tuple[Figure, ui.html, ui.html]] = []
        with ui.element("section").classes("figures"):
            ui.html("Figures", tag="h2", sanitize=False).classes("spoken")
            for figure in FIGURES:
                with ui.element("div").classes("card figure"):
                    ui.html(figure.title, tag="h3", sanitize=False)
                    value = ui.html(tag="p", sanitize=False).classes("value")
                    line = ui.html(sanitize=False).classes("spark")
                    line.props('aria-hidden="true"')
                self._values.append((figure, value, line))

    def update(self) -> None:
        """Show the newest moment."""
        history = self._stage.history
        if history.now is None:
            return
        away = history.now.presence == "away"
        for figure, value, line in self._values:
            found = None if away else figure.value(history.now)
            value.content = figure.write(found)
            line.content = _spark(
                [
                    None if m.presence == "away" else figure.value(m)
                    for m in history.moments
                ],
                figure.least,
            )


class Strip:
    """What the server counts, and the collector, each in a line of words."""

    def __init__(self, stage: Stage) -> None:
        """Lay it out."""
        self._stage = stage
        with ui.element("section").classes("strip"):
            self._server = self._line("PostgreSQL counts")
            self._collector = self._line(
                "Python's collector, generations 0 · 1 · 2"
            )

    def _line(self, title: str) -> ui.html:
        with ui.element("div").classes("card line"):
            ui.html(title, tag="h2", sanitize=False)
            return ui.html(tag="p", sanitize=False).classes("parts")

    def update(self) -> None:
        """Show the newest moment."""
        if self._stage.history.now is None:
            return
        reading = self._stage.history.now.reading
        shown = ("active", "idle", "idle in transaction")
        self._server.content = "".join(
            f'<span class="part"><b>{number}</b> {state}</span>'
            for state, number in reading.server.items()
            if number or state in shown
        )
        runs = " · ".join(f"{n:,}" for n in reading.collections)
        last = reading.last_collection
        since = "none yet" if last is None else duration(time.time() - last)
        off = "" if self._stage.collects else "<b>off</b>, "
        self._collector.content = (
            f'<span class="part">{off}<b>{runs}</b> runs</span>'
            f'<span class="part">last full one: <b>{since}</b></span>'
        )


def _spark(values: Sequence[float | None], least: float) -> str:
    """Draw a line without axes; gaps are where nothing was known."""
    top = max([least, *(value for value in values if value is not None)])
    first = MOMENTS - len(values)
    points = [
        None if value is None else f"{first + i},{30 - 28 * value / top:.1f}"
        for i, value in enumerate(values)
    ]
    path = " ".join(
        f"{'M' if before is None else 'L'}{point}"
        for before, point in pairwise([None, *points])
        if point is not None
    )
    return (
        f'<svg viewBox="0 0 {MOMENTS} 31" preserveAspectRatio="none">'
        f'<path d="{path}" fill="none" stroke="currentColor"'
        ' stroke-width="2" vector-effect="non-scaling-stroke"/></svg>'
    )
