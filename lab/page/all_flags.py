"""Every lesson's flag, in a dialog."""

from html import escape

from nicegui import ui

from app.api import LESSONS
from lab.page.controls import flag_toggle
from lab.page.stage import Stage


class AllFlags:
    """A row for each lesson; lives as long as the browser's page."""

    def __init__(self, stage: Stage) -> None:
        """Lay it out, closed."""
        self._stage = stage
        self._toggles: dict[str, ui.toggle] = {}
        with ui.dialog() as self._dialog, ui.card().classes("dialog flags"):
            with ui.element("div").classes("head"):
                ui.html("Who answers", tag="h2", sanitize=False)
                close = ui.button("Close", on_click=self._dialog.close)
                close.props("flat no-caps autofocus")
            with ui.element("div").classes("body"):
                for lesson in LESSONS:
                    with (
                        ui.element("div")
                        .classes("row-of-flag")
                        .props(f'role="group" aria-label="{lesson.name}"')
                    ):
                        ui.html(
                            f"<b>{lesson.name}</b>"
                            f"<small>{escape(lesson.title)}</small>",
                            sanitize=False,
                        )
                        self._toggles[lesson.name] = flag_toggle(stage, lesson)

    def open(self) -> None:
        """Show it."""
        self._dialog.open()

    def update(self) -> None:
        """Show what the service says."""
        for lesson in LESSONS:
            self._toggles[lesson.name].value = self._stage.variant(lesson)
