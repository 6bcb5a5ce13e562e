"""Cards with figures: each pool, the requests, waits, memory and counts."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from nicegui import ui

from lab.page.charts import (
    AREAS,
    LINES,
    chart,
    draw,
    figure_options,
    pool_options,
    rates_options,
)
from lab.page.dashboard import Dashboard
from lab.page.history import Snapshot
from lab.page.words import duration, memory, rate

MEGABYTE = 1_000_000


def pool_card(
    dashboard: Dashboard, name: str
) -> tuple[ui.element, Callable[[], None]]:
    """Place a pool here; return it, and the function that updates it."""
    with ui.element("section").classes("card pool") as card:
        card.props(f'aria-label="Pool {name}"')
        with ui.element("div").classes("head"):
            ui.html(f"Pool {name}", tag="h2", sanitize=False)
            lent = ui.html(tag="p", sanitize=False).classes("lent")
        parts = ui.html(tag="p", sanitize=False).classes("parts columns")
        picture = chart("chart")

    def update() -> None:
        now = dashboard.history.now
        pool = now.pool(name) if now else None
        if now is None or pool is None:
            lent.content = "<b>?</b>"
            parts.content = words = "not known while the service is down"
        else:
            leaked = now.leaked(name)
            full = " full" if pool.lent >= pool.capacity else ""
            lent.content = (
                f'<b class="number{full}">{pool.lent}</b>'
                f" of {pool.capacity} checked out"
            )
            in_use = max(0, pool.lent - leaked)
            numbers = (leaked, in_use, pool.idle, pool.waiting)
            parts.content = "".join(
                f'<span class="part"><i class="swatch {area}"></i>'
                f"<b>{number}</b> <span>{area}</span></span>"
                for (area, *_), number in zip(AREAS, numbers, strict=True)
            )
            words = (
                f"{pool.lent} of {pool.capacity} checked out, {leaked} of"
                f" them leaked; {pool.idle} idle, {pool.waiting} waiting"
            )
        options = pool_options(dashboard.history, name)
        draw(picture, options, f"Pool {name}: {words}")

    return card, update


def rates_card(dashboard: Dashboard) -> Callable[[], None]:
    """Place the requests here; the returned function updates them."""
    with ui.element("section").classes("card rates"):
        with ui.element("div").classes("head"):
            ui.html("Requests per second", tag="h2", sanitize=False)
            total = ui.label().classes("since")
        parts = ui.html(tag="p", sanitize=False).classes("parts columns")
        picture = chart("chart")

    def update() -> None:
        now, zero = dashboard.history.now, dashboard.history.zero
        if now is None or zero is None:
            return
        rates = (now.answered, now.failed, now.timeouts)
        named = [
            (line, rate(number))
            for (line, *_), number in zip(LINES, rates, strict=True)
        ]
        parts.content = "".join(
            f'<span class="part"><i class="dash {line}"></i>'
            f"<b>{number}</b> <span>{line}</span></span>"
            for line, number in named
        )
        reading = now.reading
        totals = (
            reading.answered - zero.answered,
            reading.failed - zero.failed,
            reading.timeouts - zero.timeouts,
        )
        total.text = "in all " + " · ".join(f"{n:,}" for n in totals)
        words = ", ".join(f"{number} {line}" for line, number in named)
        sent = dashboard.load.rate if dashboard.load.is_on else 0
        options = rates_options(dashboard.history, 1.5 * sent)
        draw(picture, options, f"Requests per second: {words}")

    return update


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its name, its value, and how that is written."""

    title: str
    value: Callable[[Snapshot], float | None]
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
        "Private memory of the PostgreSQL backends behind this service's"
        " connections: each connection has one.",
    ),
)


def figure_cards(dashboard: Dashboard) -> Callable[[], None]:
    """Place all figures here; the returned function updates them."""
    shown = []
    with ui.element("section").classes("figures"):
        ui.html("Figures", tag="h2", sanitize=False).classes("spoken")
        for figure in FIGURES:
            with ui.element("div").classes("card figure") as card:
                ui.html(figure.title, tag="h3", sanitize=False)
                value = ui.html(tag="p", sanitize=False).classes("value")
                shown.append((figure, value, chart("spark")))
            card.tooltip(figure.tooltip)

    def update() -> None:
        if dashboard.history.now is None:
            return
        for figure, value, picture in shown:
            values = [
                None if each.service == "down" else figure.value(each)
                for each in dashboard.history.snapshots
            ]
            value.content = figure.write(values[-1])
            words = f"{figure.title}: {figure.write(values[-1])}"
            draw(picture, figure_options(values, figure.least), words)

    return update


def counts(dashboard: Dashboard) -> Callable[[], None]:
    """Place PostgreSQL's and the collector's counts; return the update."""

    def line(title: str, tooltip: str) -> ui.html:
        with ui.element("div").classes("card line") as card:
            ui.html(title, tag="h2", sanitize=False)
            words = ui.html(tag="p", sanitize=False).classes("parts")
        card.tooltip(tooltip)
        return words

    with ui.element("section").classes("strip"):
        server = line(
            "PostgreSQL's connections by state",
            "Of this database, as pg_stat_activity counts them. A leaked"
            " connection is idle or idle in transaction, never active.",
        )
        collector = line(
            "Garbage collector, runs of generation 0 · 1 · 2",
            "Only a run of generation 2 looks at every object, so it finds"
            " every leak that can be found.",
        )

    def update() -> None:
        if dashboard.history.now is None:
            return
        reading = dashboard.history.now.reading
        always = ("active", "idle", "idle in transaction")
        server.content = "".join(
            f'<span class="part"><b>{number}</b> {state}</span>'
            for state, number in reading.server.items()
            if number or state in always
        )
        runs = " · ".join(f"{n:,}" for n in reading.collections)
        last = reading.last_collection
        ago = "none yet" if last is None else duration(time.time() - last)
        off = "" if dashboard.collector_on else "<b>off</b>, "
        collector.content = (
            f'<span class="part">{off}<b>{runs}</b></span>'
            f'<span class="part">last full run: <b>{ago}</b></span>'
        )

    return update
