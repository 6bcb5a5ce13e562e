"""The page: where each part is, and what keeps it up to date."""

from pathlib import Path

from nicegui import ui

from app.database.pools import ENGINE, POOL
from app.lessons.threads_engine import THREADS
from lab.page.controls import controls, flags_dialog
from lab.page.dashboard import Dashboard
from lab.page.figures import (
    FIGURES,
    collector_counts,
    figure_card,
    pool_card,
    rates_card,
    server_counts,
)
from lab.page.guide import guide_row
from lab.page.headline import headline_banner, worst_line
from lab.page.history import SECONDS
from lab.page.lesson_panel import lesson_panel
from lab.page.open_loans import call_site_dialog, open_loans

STYLE = Path(__file__).with_name("page.css")
TITLE = "Connection leaks, live"
THEMES = {"auto": None, "light": False, "dark": True}


def build(dashboard: Dashboard) -> None:
    """Make one browser's page of the dashboard that all browsers share."""
    ui.add_css(STYLE)
    flags = flags_dialog(dashboard)
    show_line = call_site_dialog(dashboard)

    async def find_line() -> None:
        line = worst_line(dashboard.history.now)
        if line:
            await show_line(line.site, line.pool)
        else:
            ui.notify("No line has a connection now. Start the load first.")

    with ui.element("header").classes("top"):
        ui.html(TITLE, tag="h1", sanitize=False)
        message = ui.label().classes("message").props('role="status"')
        ui.button("All flags", on_click=flags.open).props("flat no-caps")
        theme = ui.select([*THEMES], value="auto", label="Theme")
        theme.props("dense options-dense borderless").classes("theme")
        theme.bind_value_to(ui.dark_mode(), "value", THEMES.get)
    updates = [headline_banner(dashboard)]
    controls(dashboard)
    updates.append(guide_row(dashboard, find_line))
    with ui.element("main").classes("main") as main:
        with ui.element("div").classes("left"):
            with ui.element("div").classes("pools"):
                pools = (ENGINE, POOL, THREADS)
                updates += [pool_card(dashboard, name) for name in pools]
            with ui.element("div").classes("measures"):
                updates.append(rates_card(dashboard))
                with ui.element("section").classes("figures"):
                    updates += [figure_card(dashboard, f) for f in FIGURES]
            updates.append(open_loans(dashboard, show_line))
        with ui.element("div").classes("right"):
            updates.append(lesson_panel(dashboard))
            with ui.element("section").classes("strip"):
                updates.append(server_counts(dashboard))
                updates.append(collector_counts(dashboard))
    ui.skip_link("Skip to the charts", target=main)

    def update() -> None:
        for each in updates:
            each()
        message.text = dashboard.status_line
        message.classes(replace=f"message {dashboard.status}")

    update()
    ui.timer(SECONDS, update)
