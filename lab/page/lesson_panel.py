"""The chosen lesson: its title, and the lines that leak and fix."""

from collections.abc import Callable
from html import escape

from nicegui import ui

from app.lesson import HEALS, Lesson
from lab.page.controls import dialog
from lab.page.dashboard import Dashboard
from lab.page.diff import marked_changes, side_by_side


def lesson_panel(dashboard: Dashboard) -> Callable[[], None]:
    """Place the panel here; the returned function updates it."""
    shown: Lesson | None = None

    def show_files() -> None:
        """Show both files in full, as they are now."""
        files.content = side_by_side(dashboard.lesson)
        both.open()

    with dialog("before.py and after.py", "files") as (both, _):
        files = ui.html(sanitize=False)
    both.props("maximized")
    with ui.element("section").classes("card lesson-panel"):
        with ui.element("div").classes("head"):
            title = ui.html(tag="h2", sanitize=False)
            button = ui.button("Side by side", on_click=show_files)
            button.props("flat dense no-caps")
        about = ui.html(tag="p", sanitize=False)
        code = ui.html(sanitize=False).classes("code-scroll")
        code.props('tabindex="0" role="region"')
        code.props('aria-label="Changes between before and after"')

    def update() -> None:
        nonlocal shown
        lesson = dashboard.lesson
        if lesson is shown:
            return
        shown = lesson
        title.content = escape(lesson.title).replace("`", "")
        heals = HEALS[lesson.heals_by]
        about.content = f"What returns the connection: <b>{heals}</b>."
        code.content = marked_changes(lesson)
        # The address names the lesson, so that it can be kept and shared.
        ui.navigate.history.replace(f"/lessons/{lesson.name}")
        ui.page_title(f"{lesson.name} · Connection leaks, live")

    return update
