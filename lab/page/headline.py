"""The verdict on top of the page: what is wrong, why, and what to do next."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from nicegui import ui

from app.api import LESSONS
from lab.page.dashboard import Dashboard
from lab.page.history import DataPoint
from lab.page.words import count, duration, rate
from lab.reading import LineReading

OLD_SECONDS = 5.0
"""Figures that are older than this come with their age."""
STRAYS = 10
"""More connections than our own monitors have outside the pools."""


@dataclass(frozen=True, slots=True)
class Headline:
    """A state, the reason for it, and the next step, each in words."""

    level: Literal["good", "warning", "bad"]
    state: str
    reason: str = ""
    next_step: str = ""


def headline(dashboard: Dashboard) -> Headline:
    """Describe the worst that the newest reading shows."""
    now = dashboard.history.now
    if now is None:
        return Headline("good", "Reading the service for the first time …")
    unreachable = next(_unreachable(dashboard, now), None)
    return unreachable or next(_by_severity(dashboard, now))


def _unreachable(dashboard: Dashboard, now: DataPoint) -> Iterator[Headline]:
    age = time.time() - now.reading.loans_at
    clock = time.strftime("%H:%M:%S", time.localtime(now.reading.loans_at))
    if now.service == "down":
        since = time.time() - (dashboard.down_since or now.reading.at)
        yield Headline(
            "bad",
            f"The service is down, for {duration(since)}.",
            f"The charts end at {clock}.",
            "Wait: make lab restarts it. If it stays down, the terminal of"
            " make lab shows the reason.",
        )
    if age > OLD_SECONDS:
        yield Headline(
            "bad",
            f"These figures are {duration(age)} old.",
            f"The last reading that worked was at {clock}.",
            "Wait for the next one, or look at the terminal of make lab.",
        )
    if now.service == "blocked":
        yield Headline(
            "bad",
            f"The event loop is blocked for {duration(now.reading.loop_lag)}.",
            "The service handles no request; poolwatch's thread reports this.",
            "Find the line below. The loop goes on when its call returns.",
        )


def _by_severity(dashboard: Dashboard, now: DataPoint) -> Iterator[Headline]:
    pools = sorted(now.reading.pools, key=lambda pool: -pool.waiting)
    for pool in pools:
        if (found := pool.verdict) is None:
            continue
        is_full = pool.lent >= pool.capacity
        yield Headline(
            "bad" if is_full else "warning",
            f"Pool {pool.name}{' exhausted' * is_full}: {found.cause}.",
            f"{_sentence(found.because)}.",
            _against_leak(dashboard, now.leaked(pool.name))
            if found.cause == "leak"
            else f"{_sentence(found.cure)}.",
        )
    worst, leaked = worst_line(now), now.leaked()
    if worst and leaked:
        requests = "its request" if leaked == 1 else "their requests"
        yield Headline(
            "warning",
            f"Leak: {count(leaked, 'connection')} outlived {requests}.",
            f"{worst.loans} from {worst.site}.",
            _against_leak(dashboard, leaked),
        )
    known = sum(pool.lent + pool.idle for pool in pools)
    strays = sum(now.reading.server.values()) - known
    if strays > STRAYS:
        yield Headline(
            "warning",
            f"Leak: PostgreSQL has {strays} connections that no pool knows.",
            "poolwatch watches pools, so it cannot name the line.",
            "Choose after, which uses the application's pool. Reset all"
            " closes the stray connections.",
        )
    if now.failed >= 1:
        yield Headline(
            "warning",
            f"{rate(now.failed)} requests per second fail.",
            "No pool is exhausted at this moment.",
            "Look at the lesson's code, and at the pools' charts.",
        )
    lent = count(sum(pool.lent for pool in pools), "connection")
    yield Headline("good", "No leak.", f"{lent} checked out.")


def _against_leak(dashboard: Dashboard, leaked: int) -> str:
    names = [
        lesson.name
        for lesson in LESSONS
        if dashboard.variant(lesson) != "after"
    ]
    choose = f"choose after for {', '.join(names)}. It" if names else "the fix"
    lost = "stays lost until you take it back"
    if leaked != 1:
        lost = "stay lost until you take them back"
    return (
        f"{_sentence(choose)} stops new leaks; {count(leaked, 'connection')}"
        f" leaked earlier {lost}."
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def worst_line(now: DataPoint | None) -> LineReading | None:
    """Find the line with the most leaked loans, or else with the most."""
    lines = now.reading.lines if now else ()
    leaky = (line for line in lines if line.state == "leaked")
    return next(leaky, lines[0] if lines else None)


def headline_banner(dashboard: Dashboard) -> Callable[[], None]:
    """Place it here; the returned function updates it."""
    with ui.element("section").props('role="status"') as banner:
        state = ui.label().classes("state")
        reason = ui.label().classes("reason")
        step = ui.label().classes("next")

    def update() -> None:
        shown = headline(dashboard)
        banner.classes(replace=f"headline {shown.level}")
        state.text, reason.text = shown.state, shown.reason
        step.text = f"Next: {shown.next_step}" if shown.next_step else ""

    return update
