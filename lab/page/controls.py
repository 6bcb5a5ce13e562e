"""What one can do to the service: a lesson, its flag, a load, the rest."""

import operator
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from app.api import LESSONS
from app.lesson import Lesson
from lab.page.stage import Stage

BY_NAME = {lesson.name: lesson for lesson in LESSONS}
RATE = 20
MOST = 200
"""Requests a second: the page's process sends them, and has to draw."""


class Controls:
    """The bar below the title; lives as long as the browser's page.

    Nothing but what the stage says is shown: a click changes the stage, or
    fails, and the next update shows what came of it.
    """

    def __init__(self, stage: Stage) -> None:
        """Lay it out."""
        self._stage = stage
        with ui.element("section").classes("controls"):
            ui.html("Controls", tag="h2", sanitize=False).classes("spoken")
            names = {
                name: f"{number}. {name}"
                for number, name in enumerate(BY_NAME, start=1)
            }
            self._lesson = (
                ui.select(
                    names,
                    label="Lesson",
                    value=stage.lesson.name,
                    on_change=self._choose,
                )
                .props("outlined dense options-dense")
                .classes("lesson")
            )
            with ui.element("div").props(
                'role="group" aria-label="Who answers the lesson\'s routes"'
            ):
                self._variant = flag_toggle(stage)
            self._rate = (
                ui.number(
                    "Requests/s", value=RATE, min=1, max=MOST, precision=0
                )
                .props("outlined dense")
                .classes("rate")
            )
            self._rate.on("change", self._follow_rate)
            self._load = ui.button("Start load", on_click=self._switch_load)
            self._load.props("unelevated no-caps").classes("load")
            self._collector = ui.switch("Collector", on_change=self._collect)
            self._provider = ui.switch("Provider", on_change=self._provide)
            with self._provider:
                ui.tooltip(
                    "Whether the slow service that lessons call answers"
                )
            self._button("Collect now", stage.collect)
            self._button("Take back leaks", stage.reclaim)
            reset = self._button("Reset", stage.reset).classes("reset")
            reset.props("unelevated", remove="outline")
            for control in (self._load, self._collector, self._provider):
                control.bind_enabled_from(stage, "busy", operator.not_)

    def update(self) -> None:
        """Show the stage as it is."""
        stage = self._stage
        self._lesson.value = stage.lesson.name
        self._variant.value = stage.variant(stage.lesson)
        self._collector.value = stage.collects
        self._provider.value = stage.provider_answers
        self._load.text = "Stop load" if stage.load.is_on else "Start load"
        self._load.classes(
            add="on" if stage.load.is_on else "",
            remove="" if stage.load.is_on else "on",
        )

    def _button(
        self, words: str, do: Callable[[], Awaitable[None]]
    ) -> ui.button:
        button = ui.button(words, on_click=do).props("outline no-caps")
        return button.bind_enabled_from(self._stage, "busy", operator.not_)

    async def _choose(self, chosen: ValueChangeEventArguments[Any]) -> None:
        if chosen.value != self._stage.lesson.name:
            await self._stage.choose(BY_NAME[chosen.value])

    async def _switch_load(self) -> None:
        if self._stage.load.is_on:
            await self._stage.stop_load()
        else:
            await self._stage.start_load(self._wanted_rate())
        self.update()

    async def _follow_rate(self) -> None:
        if self._stage.load.is_on:
            await self._stage.start_load(self._wanted_rate())

    def _wanted_rate(self) -> float:
        return min(max(self._rate.value or RATE, 1), MOST)

    async def _collect(self, chosen: ValueChangeEventArguments[Any]) -> None:
        if chosen.value != self._stage.collects:
            await self._stage.switch_collector(chosen.value)

    async def _provide(self, chosen: ValueChangeEventArguments[Any]) -> None:
        if chosen.value != self._stage.provider_answers:
            await self._stage.switch_provider(chosen.value)


def flag_toggle(stage: Stage, lesson: Lesson | None = None) -> ui.toggle:
    """Make the switch of one lesson's flag, or of the chosen lesson's."""

    async def choose(chosen: ValueChangeEventArguments[Any]) -> None:
        of = lesson or stage.lesson
        if chosen.value in {"before", "after"} - {stage.variant(of)}:
            await stage.set_flag(of, chosen.value)

    toggle = ui.toggle(
        {"before": "before", "after": "after"}, on_change=choose
    )
    toggle.props("unelevated no-caps").classes("flag")
    return toggle.bind_enabled_from(stage, "busy", operator.not_)
