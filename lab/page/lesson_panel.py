"""The chosen lesson: what it is about, and the lines that leak and cure."""

from html import escape

from nicegui import ui

from app.lesson import HEALS
from lab.page.diff import one_above_the_other, side_by_side
from lab.page.stage import Stage


class LessonPanel:
    """Shows one lesson; lives as long as the browser's page."""

    def __init__(self, stage: Stage) -> None:
        """Lay it out."""
        self._stage = stage
        self._shown = ""
        with (
            ui.dialog().props("maximized") as self._dialog,
            ui.card().classes("dialog files"),
        ):
            with ui.element("div").classes("head"):
                self._files_title = ui.html(tag="h2", sanitize=False)
                close = ui.button("Close", on_click=self._dialog.close)
                close.props("flat no-caps autofocus")
            self._files = ui.html(sanitize=False).classes("body")
        with ui.element("section").classes("card lesson-panel"):
            with ui.element("div").classes("head"):
                self._title = ui.html(tag="h2", sanitize=False)
                ui.button("Side by side", on_click=self._open).props(
                    "flat dense no-caps"
                )
            self._about = ui.html(tag="p", sanitize=False).classes("about")
            self._code = ui.html(sanitize=False).classes("code-scroll")
            self._code.props('tabindex="0" role="region"')
            self._code.props('aria-label="Changes between before and after"')

    def update(self) -> None:
        """Show the stage's lesson, if it is another one."""
        lesson = self._stage.lesson
        if lesson.name == self._shown:
            return
        self._shown = lesson.name
        self._title.content = escape(lesson.title).replace("`", "")
        self._about.content = (
            f"What returns the connection: <b>{HEALS[lesson.heals_by]}</b>."
        )
        self._code.content = one_above_the_other(lesson)

    def _open(self) -> None:
        """Show both files in full, as they are now."""
        lesson = self._stage.lesson
        self._files_title.content = escape(lesson.title)
        self._files.content = side_by_side(lesson)
        self._dialog.open()
