"""The page: where everything stands, and that it is kept up to date."""

from pathlib import Path
from typing import Protocol

from nicegui import ui

from app.database.pools import ENGINE, POOL
from app.lessons.threads_engine import THREADS
from lab.page.all_flags import AllFlags
from lab.page.call_site_dialog import CallSiteDialog
from lab.page.call_sites import CallSites
from lab.page.controls import Controls
from lab.page.figures import Figures, Strip
from lab.page.lesson_panel import LessonPanel
from lab.page.pools import PoolCard
from lab.page.presence import Presence
from lab.page.rates import RatesCard
from lab.page.stage import SECONDS, Stage

STYLE = Path(__file__).with_name("page.css")
TITLE = "Connection leaks, live"
THEMES = {None: "Theme: auto", True: "Theme: dark", False: "Theme: light"}


class Part(Protocol):
    """Something on the page that shows what the stage knows."""

    def update(self) -> None:
        """Show the newest moment."""


def build(stage: Stage) -> None:
    """Make one browser's page of the stage that all share."""
    ui.add_css(STYLE)
    dark = ui.dark_mode(value=None)
    flags = AllFlags(stage)
    dialog = CallSiteDialog(stage)

    with ui.element("header").classes("top"):
        ui.html(TITLE, tag="h1", sanitize=False)
        presence = Presence(stage)
        ui.space()
        ui.button("All flags", on_click=flags.open).props("flat no-caps")
        theme = ui.button(THEMES[None]).props("flat no-caps")
    theme.on_click(lambda: theme.set_text(THEMES[_next_theme(dark)]))
    controls = Controls(stage)
    said = ui.label().classes("said").props('role="status"')
    said.bind_text_from(stage, "said")

    with ui.element("main").classes("stage") as main:
        presence.banner()
        with ui.element("div").classes("left"):
            with ui.element("div").classes("pools"):
                pools = [
                    PoolCard(stage, ENGINE, "SQLAlchemy"),
                    PoolCard(stage, POOL, "raw SQL"),
                    PoolCard(stage, THREADS, "the lab's"),
                ]
            with ui.element("div").classes("measures"):
                rates = RatesCard(stage)
                figures = Figures(stage)
            strip = Strip(stage)
            with ui.element("div").classes("loans"):
                leaked = CallSites(
                    stage,
                    "Leaked, by line",
                    "Nothing is leaked.",
                    "leaked",
                    on_choose=dialog.open,
                )
                at_work = CallSites(
                    stage,
                    "At work, by line",
                    "Nothing is lent to a request at work.",
                    "open",
                    "overdue",
                    on_choose=dialog.open,
                )
        lesson = LessonPanel(stage)
    ui.skip_link("Skip to the charts", target=main)
    parts: list[Part] = [presence, controls, flags, lesson, rates, figures]
    parts += [strip, leaked, at_work, *pools]

    def update() -> None:
        for part in parts:
            part.update()
        # Few lessons use the third pool; it is shown where it is used.
        pools[2].element.visible = _is_used(stage, THREADS)
        said.classes(replace=f"said {stage.mood.replace(' ', '-')}")

    update()
    ui.timer(SECONDS, update)


def _next_theme(dark: ui.dark_mode) -> bool | None:
    order = (None, True, False)
    chosen = order[(order.index(dark.value) + 1) % len(order)]
    dark.value = chosen
    return chosen


def _is_used(stage: Stage, name: str) -> bool:
    return any(
        pool.name == name and (pool.lent or pool.waiting)
        for moment in stage.history.moments
        for pool in moment.reading.pools
    )
