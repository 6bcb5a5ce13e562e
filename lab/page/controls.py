"""What a browser can do to the service: lesson, flag, load and switches."""

import operator
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from app.api import LESSONS
from app.lesson import Lesson
from lab.page.dashboard import Dashboard
from lab.page.lesson_load import MOST_RATE, RATE

BY_NAME = {lesson.name: lesson for lesson in LESSONS}
TITLES = {
    lesson.name: f"{number}. {lesson.name}: {lesson.title}".replace("`", "")
    for number, lesson in enumerate(LESSONS, start=1)
}


def controls(dashboard: Dashboard) -> Callable[[], None]:
    """Place the bar here; the returned function updates it.

    A click changes the dashboard or fails. The next update shows which.
    """

    async def choose(chosen: ValueChangeEventArguments[Any]) -> None:
        if chosen.value != dashboard.lesson.name:
            await dashboard.choose(BY_NAME[chosen.value])

    async def switch_load() -> None:
        if dashboard.load.is_on:
            await dashboard.stop_load()
        else:
            await dashboard.start_load(rate.value or RATE)
        update()

    async def follow_rate() -> None:
        if dashboard.load.is_on:
            await dashboard.start_load(rate.value or RATE)

    async def collect(chosen: ValueChangeEventArguments[Any]) -> None:
        if chosen.value != dashboard.collector_on:
            await dashboard.switch_collector(on=chosen.value)

    async def provide(chosen: ValueChangeEventArguments[Any]) -> None:
        if chosen.value != dashboard.provider_answers:
            await dashboard.switch_provider(on=chosen.value)

    with ui.element("section").classes("controls"):
        ui.html("Controls", tag="h2", sanitize=False).classes("spoken")
        lessons = ui.select(
            TITLES,
            label="Lesson",
            value=dashboard.lesson.name,
            on_change=choose,
        )
        lessons.props("outlined dense options-dense").classes("lesson")
        with ui.element("div").props(
            'role="group" aria-label="Variant that handles the requests"'
        ):
            variant = flag_toggle(dashboard)
        rate = ui.number(
            "Requests/s",
            value=RATE,
            min=1,
            precision=0,
            validation={
                f"at most {MOST_RATE}": lambda v: (v or 0) <= MOST_RATE
            },
        )
        rate.props("outlined dense hide-bottom-space").classes("rate")
        rate.on("change", follow_rate)
        load = ui.button("Start load", on_click=switch_load)
        load.props("unelevated no-caps").classes("load")
        collector = ui.switch("Garbage collector", on_change=collect)
        collector.tooltip(
            "Python's garbage collector returns some leaked connections, at"
            " an unpredictable time. Off, every leak stays."
        )
        provider = ui.switch("Provider answers", on_change=provide)
        provider.tooltip(
            "The provider is an outside service that some lessons call. Off,"
            " each of its callers waits up to 20 s."
        )
        _button(
            dashboard,
            "Collect now",
            dashboard.collect,
            "Run the garbage collector once, and count what it returns.",
        )
        _button(
            dashboard,
            "Take back leaks",
            dashboard.reclaim,
            "Close the leaked connections, so that the pools are free again."
            " Nothing else changes.",
        )
        reset = _button(
            dashboard,
            "Reset all",
            dashboard.reset,
            "Take back leaks, set every lesson to after, switch collector and"
            " provider on, and count from zero. The load goes on.",
        )
        reset.classes("reset").props("unelevated", remove="outline")
        for control in (load, collector, provider):
            control.bind_enabled_from(dashboard, "busy", operator.not_)

    def update() -> None:
        name = dashboard.lesson.name
        lessons.value = name
        number = list(BY_NAME).index(name) + 1
        lessons.props(f'display-value="{number}. {name}"')
        variant.value = dashboard.variant(dashboard.lesson)
        collector.value = dashboard.collector_on
        provider.value = dashboard.provider_answers
        is_on = dashboard.load.is_on
        load.text = "Stop load" if is_on else "Start load"
        load.classes(replace=f"load {'on' if is_on else ''}")

    return update


def _button(
    dashboard: Dashboard,
    words: str,
    do: Callable[[], Awaitable[None]],
    tooltip: str,
) -> ui.button:
    button = ui.button(words, on_click=do).props("outline no-caps")
    button.tooltip(tooltip)
    return button.bind_enabled_from(dashboard, "busy", operator.not_)


def flag_toggle(
    dashboard: Dashboard, lesson: Lesson | None = None
) -> ui.toggle:
    """Make the switch of one lesson's flag, or of the chosen lesson's."""

    async def choose(chosen: ValueChangeEventArguments[Any]) -> None:
        of = lesson or dashboard.lesson
        if chosen.value in {"before", "after"} - {dashboard.variant(of)}:
            await dashboard.set_flag(of, chosen.value)

    toggle = ui.toggle(
        {"before": "before", "after": "after"}, on_change=choose
    )
    toggle.props("unelevated no-caps").classes("flag")
    return toggle.bind_enabled_from(dashboard, "busy", operator.not_)


def flags_dialog(
    dashboard: Dashboard,
) -> tuple[ui.dialog, Callable[[], None]]:
    """Make the dialog of every lesson's flag, and what updates it."""
    toggles: dict[str, ui.toggle] = {}
    with ui.dialog() as dialog, ui.card().classes("dialog flags"):
        with ui.element("div").classes("head"):
            ui.html("Variant of each lesson", tag="h2", sanitize=False)
            close = ui.button("Close", on_click=dialog.close)
            close.props("flat no-caps autofocus")
        with ui.element("div").classes("body"):
            for lesson in LESSONS:
                row = ui.element("div").classes("row-of-flag")
                with row.props(f'role="group" aria-label="{lesson.name}"'):
                    ui.html(
                        f"<b>{lesson.name}</b>"
                        f"<small>{escape(lesson.title)}</small>",
                        sanitize=False,
                    )
                    toggles[lesson.name] = flag_toggle(dashboard, lesson)

    def update() -> None:
        for lesson in LESSONS:
            toggles[lesson.name].value = dashboard.variant(lesson)

    return dialog, update
