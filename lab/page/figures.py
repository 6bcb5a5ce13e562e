"""Cards with figures: each pool, the requests, waits, memory and counts.

Each function places its card, and returns the function that updates it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nicegui import ui

from app.lessons.threads_engine import THREADS
from lab.page.charts import (
    chart,
    draw,
    figure_options,
    pool_options,
    rates_options,
)
from lab.page.dashboard import Dashboard
from lab.page.history import DataPoint
from lab.page.words import duration, memory, rate

MEGABYTE = 1_000_000

Update = Callable[[], None]


def pool_card(dashboard: Dashboard, name: str) -> Update:
    """Show one pool, against its limit."""
    with ui.element("section").classes("card pool") as card:
        card.props(f'aria-label="Pool {name}"')
        with ui.element("div").classes("head"):
            ui.html(f"Pool {name}", tag="h2", sanitize=False)
            lent = ui.html(tag="p", sanitize=False).classes("lent")
        legend = ui.html(tag="p", sanitize=False).classes("parts columns")
        picture = chart("chart")

    def update() -> None:
        history = dashboard.history
        pool = history.now.pool(name) if history.now else None
        lent.content, legend.content = "<b>?</b>", "The service is down."
        words = "not known"
        if history.now and pool:
            leaked = history.now.leaked(name)
            numbers = {
                "leaked": leaked,
                "in use": max(0, pool.lent - leaked),
                "idle": pool.idle,
                "waiting": pool.waiting,
            }
            full = " full" if pool.lent >= pool.capacity else ""
            of = f"of {pool.capacity} checked out"
            lent.content = f'<b class="number{full}">{pool.lent}</b> {of}'
            legend.content = _legend("swatch", numbers)
            parts = ", ".join(f"{n} {part}" for part, n in numbers.items())
            words = f"{pool.lent} {of}; {parts}"
        draw(picture, pool_options(history, name), f"Pool {name}: {words}")
        # Only a few lessons use the threads' pool.
        card.visible = name != THREADS or any(
            pool.name == name and (pool.lent or pool.waiting)
            for point in history.points
            for pool in point.reading.pools
        )

    return update


def rates_card(dashboard: Dashboard) -> Update:
    """Show what became of the requests."""
    with ui.element("section").classes("card rates"):
        with ui.element("div").classes("head"):
            ui.html("Requests per second", tag="h2", sanitize=False)
            total = ui.label().classes("since")
        legend = ui.html(tag="p", sanitize=False).classes("parts columns")
        picture = chart("chart")

    def update() -> None:
        now, zero = dashboard.history.now, dashboard.history.zero
        if now is None or zero is None:
            return
        numbers = {
            "succeeded": rate(now.answered),
            "failed": rate(now.failed),
            "timeouts": rate(now.timeouts),
        }
        legend.content = _legend("dash", numbers)
        totals = (
            now.reading.answered - zero.answered,
            now.reading.failed - zero.failed,
            now.reading.timeouts - zero.timeouts,
        )
        total.text = "in all " + " · ".join(f"{n:,}" for n in totals)
        sent = dashboard.load.rate if dashboard.load.is_on else 0
        parts = ", ".join(f"{n} {line}" for line, n in numbers.items())
        options = rates_options(dashboard.history, 1.5 * sent)
        draw(picture, options, f"Requests per second: {parts}")

    return update


def _legend(sign: str, numbers: Mapping[str, object]) -> str:
    return "".join(
        f'<span class="part"><i class="{sign} {name}"></i>'
        f"<b>{number}</b> <span>{name}</span></span>"
        for name, number in numbers.items()
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its name, its value, and how that is written."""

    title: str
    value: Callable[[DataPoint], float | None]
    write: Callable[[float | None], str]
    least: float
    """The top of its chart, unless a value is higher."""
    tooltip: str


FIGURES = (
    Figure(
        "Connection wait, p95",
        lambda each: each.p95,
        duration,
        0.1,
        "95 of 100 requests got a connection from their pool in this time or"
        " less, over the last 5 s.",
    ),
    Figure(
        "Event-loop lag",
        lambda each: each.reading.loop_lag,
        duration,
        0.1,
        "How late the service's event loop is. A blocking call makes it grow.",
    ),
    Figure(
        "Service's memory",
        lambda each: each.reading.service_bytes,
        memory,
        200 * MEGABYTE,
        "Private memory of the service's process.",
    ),
    Figure(
        "PostgreSQL's memory",
        lambda each: each.reading.backends_bytes,
        memory,
        200 * MEGABYTE,
        "Private memory of the PostgreSQL backends: one process for each"
        " connection of this service.",
    ),
)


def figure_card(dashboard: Dashboard, figure: Figure) -> Update:
    """Show one figure and its last minutes."""
    with ui.element("div").classes("card figure").tooltip(figure.tooltip):
        ui.html(figure.title, tag="h3", sanitize=False)
        value = ui.html(tag="p", sanitize=False).classes("value")
        picture = chart("spark")

    def update() -> None:
        history = dashboard.history
        options = figure_options(history, figure.value, figure.least)
        rows = options["dataset"]["source"]
        value.content = figure.write(rows[-1][1] if rows else None)
        draw(picture, options, f"{figure.title}: {value.content}")

    return update


def server_counts(dashboard: Dashboard) -> Update:
    """Show PostgreSQL's connections by state."""
    words = _line(
        "PostgreSQL's connections by state",
        "Of this database, as pg_stat_activity counts them. A leaked"
        " connection is idle or idle in transaction, never active.",
    )
    always = ("active", "idle", "idle in transaction")

    def update() -> None:
        now = dashboard.history.now
        words.content = "".join(
            f'<span class="part"><b>{number}</b> {state}</span>'
            for state, number in (now.reading.server if now else {}).items()
            if number or state in always
        )

    return update


def collector_counts(dashboard: Dashboard) -> Update:
    """Show how often Python's garbage collector ran."""
    words = _line(
        "Garbage collector, runs of generation 0 · 1 · 2",
        "Only generation 2, a full run, looks at every object.",
    )

    def update() -> None:
        if (now := dashboard.history.now) is None:
            return
        runs = " · ".join(f"{n:,}" for n in now.reading.collections)
        last = now.reading.last_collection
        ago = "none yet" if last is None else duration(time.time() - last)
        off = "" if dashboard.collector_on else "<b>off</b>, "
        words.content = (
            f'<span class="part">{off}<b>{runs}</b></span>'
            f'<span class="part">last full run: <b>{ago}</b></span>'
        )

    return update


def _line(title: str, tooltip: str) -> ui.html:
    with ui.element("div").classes("card line").tooltip(tooltip):
        ui.html(title, tag="h2", sanitize=False)
        return ui.html(tag="p", sanitize=False).classes("parts")
