"""The page: where each part is, and what keeps it up to date."""

from pathlib import Path

from nicegui import ui

from app.database.pools import ENGINE, POOL
from app.lessons.threads_engine import THREADS
from lab.page.controls import controls, flags_dialog
from lab.page.dashboard import SECONDS, Dashboard
from lab.page.figures import counts, figure_cards, pool_card, rates_card
from lab.page.guide import guide_row
from lab.page.headline import headline_banner, worst_line
from lab.page.lesson_panel import lesson_panel
from lab.page.open_loans import call_site_dialog, open_loans

STYLE = Path(__file__).with_name("page.css")
TITLE = "Connection leaks, live"
THEMES = {None: "Theme: auto", True: "Theme: dark", False: "Theme: light"}


def build(dashboard: Dashboard) -> None:
    """Make one browser's page of the dashboard that all browsers share."""
    ui.add_css(STYLE)
    dark = ui.dark_mode(value=None)
    flags, update_flags = flags_dialog(dashboard)
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
        theme = ui.button(THEMES[None]).props("flat no-caps")
    theme.on_click(lambda: theme.set_text(THEMES[_next_theme(dark)]))
    updates = [update_flags, headline_banner(dashboard)]
    updates += [controls(dashboard), guide_row(dashboard, find_line)]

    with ui.element("main").classes("main") as main:
        with ui.element("div").classes("left"):
            with ui.element("div").classes("pools"):
                pools = [
                    pool_card(dashboard, name)
                    for name in (ENGINE, POOL, THREADS)
                ]
            with ui.element("div").classes("measures"):
                updates += [rates_card(dashboard), figure_cards(dashboard)]
            updates.append(open_loans(dashboard, show_line))
        with ui.element("div").classes("right"):
            updates += [lesson_panel(dashboard), counts(dashboard)]
    ui.skip_link("Skip to the charts", target=main)
    updates += [update_pool for _, update_pool in pools]
    threads_card, _ = pools[-1]

    def update() -> None:
        for each in updates:
            each()
        # Few lessons use the third pool; others do not show it.
        threads_card.visible = _is_used(dashboard, THREADS)
        message.text = dashboard.status_line
        message.classes(replace=f"message {dashboard.kind}")

    update()
    ui.timer(SECONDS, update)


def _next_theme(dark: ui.dark_mode) -> bool | None:
    order = (None, True, False)
    chosen = order[(order.index(dark.value) + 1) % len(order)]
    dark.value = chosen
    return chosen


def _is_used(dashboard: Dashboard, name: str) -> bool:
    return any(
        pool.name == name and (pool.lent or pool.waiting)
        for snapshot in dashboard.history.snapshots
        for pool in snapshot.reading.pools
    )
