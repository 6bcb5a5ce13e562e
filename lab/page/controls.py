"""What a browser can do to the service: lesson, flag, load and switches.

A click changes the dashboard or fails. Bindings show which.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.disableable_element import DisableableElement
from nicegui.events import ValueChangeEventArguments

from app.api import LESSONS
from app.lesson import Lesson, Variant
from lab.page.dashboard import Dashboard
from lab.page.lesson_load import MOST_RATE, RATE

BY_NAME = {lesson.name: lesson for lesson in LESSONS}
TITLES = {
    lesson.name: f"{number}. {lesson.name}: {lesson.title}".replace("`", "")
    for number, lesson in enumerate(LESSONS, start=1)
}


def controls(dashboard: Dashboard) -> None:
    """Place the bar here."""
    with ui.element("section").classes("controls"):
        ui.html("Controls", tag="h2", sanitize=False).classes("spoken")
        lesson = ui.select(
            TITLES,
            label="Lesson",
            on_change=by_hand(
                lambda: dashboard.lesson.name,
                lambda name: dashboard.choose(BY_NAME[name]),
            ),
        )
        lesson.props("outlined dense options-dense").classes("lesson")
        lesson.add_slot("selected-item", "{{ props.opt.label.split(':')[0] }}")
        lesson.bind_value_from(dashboard, "lesson", lambda each: each.name)
        with ui.element("div") as group:
            group.props('role="group" aria-label="Variant of the lesson"')
            flag_toggle(dashboard)
        _load(dashboard)
        collector = ui.switch(
            "Garbage collector",
            on_change=by_hand(
                lambda: dashboard.collector_on,
                lambda on: dashboard.switch_collector(on=on),
            ),
        )
        collector.bind_value_from(dashboard, "collector_on").tooltip(
            "Python's garbage collector returns some leaked connections, at"
            " an unpredictable time. Off, every leak stays."
        )
        provider = ui.switch(
            "Provider answers",
            on_change=by_hand(
                lambda: dashboard.provider_on,
                lambda on: dashboard.switch_provider(on=on),
            ),
        )
        provider.bind_value_from(dashboard, "provider_on").tooltip(
            "The provider is an outside service that some lessons call. Off,"
            " each of its callers waits up to 20 s."
        )
        collect = ui.button("Collect now", on_click=dashboard.collect)
        collect.props("outline no-caps").tooltip(
            "Run the garbage collector once, and count what it returns."
        )
        reclaim = ui.button("Take back leaks", on_click=dashboard.reclaim)
        reclaim.props("outline no-caps").tooltip(
            "Close the leaked connections. Nothing else changes."
        )
        reset = ui.button("Reset all", on_click=dashboard.reset)
        reset.props("unelevated no-caps").classes("reset").tooltip(
            "Take back leaks, set every lesson to after, switch collector and"
            " provider on, count from zero. The load goes on."
        )
    for control in (collector, provider, collect, reclaim, reset):
        _disable_during_action(control, dashboard)


def _load(dashboard: Dashboard) -> None:
    async def switch() -> None:
        if dashboard.load.is_on:
            await dashboard.stop_load()
        else:
            await dashboard.start_load(rate.value or RATE)

    async def follow() -> None:
        if dashboard.load.is_on:
            await dashboard.start_load(rate.value or RATE)

    at_most = {f"at most {MOST_RATE}": lambda rate: (rate or 0) <= MOST_RATE}
    rate = ui.number(
        "Requests/s", value=RATE, min=1, precision=0, validation=at_most
    )
    rate.props("outlined dense hide-bottom-space").classes("rate")
    rate.on("change", follow)
    button = ui.button(on_click=switch).classes("load")
    button.props("unelevated no-caps").bind_text_from(
        dashboard.load, "is_on", lambda on: f"{'Stop' if on else 'Start'} load"
    )


def flag_toggle(dashboard: Dashboard, lesson: Lesson | None = None) -> None:
    """Place the switch of one lesson's flag, or of the chosen lesson's."""

    def variant(_: object = None) -> str:
        return dashboard.variant(lesson or dashboard.lesson)

    def choose(chosen: Variant) -> Awaitable[None]:
        return dashboard.set_flag(lesson or dashboard.lesson, chosen)

    toggle = ui.toggle(["before", "after"], on_change=by_hand(variant, choose))
    toggle.props("unelevated no-caps").classes("flag")
    toggle.bind_value_from(dashboard, "flags", variant)
    _disable_during_action(toggle, dashboard)


def by_hand(
    current: Callable[[], object], change: Callable[[Any], Awaitable[None]]
) -> Callable[[ValueChangeEventArguments[Any]], Awaitable[None] | None]:
    """Make a handler that ignores what a binding has set.

    It compares at once: the dashboard may differ when a task begins.
    """
    return lambda event: (
        None if event.value == current() else change(event.value)
    )


def _disable_during_action(
    control: DisableableElement, dashboard: Dashboard
) -> None:
    control.bind_enabled_from(dashboard, "action", lambda action: not action)


@contextmanager
def dialog(title: str, look: str = "") -> Iterator[tuple[ui.dialog, ui.html]]:
    """Make a closed dialog, and its body for the block's elements."""
    with ui.dialog() as made, ui.card().classes(f"dialog {look}"):
        with ui.element("div").classes("head"):
            head = ui.html(title, tag="h2", sanitize=False)
            close = ui.button("Close", on_click=made.close)
            close.props("flat no-caps autofocus")
        with ui.element("div").classes("body"):
            yield made, head


def flags_dialog(dashboard: Dashboard) -> ui.dialog:
    """Make the dialog of every lesson's flag."""
    with dialog("Variant of each lesson") as (made, _):
        for lesson in LESSONS:
            row = ui.element("div").classes("row-of-flag")
            with row.props(f'role="group" aria-label="{lesson.name}"'):
                title = f"<small>{escape(lesson.title)}</small>"
                ui.html(f"<b>{lesson.name}</b>{title}", sanitize=False)
                flag_toggle(dashboard, lesson)
    return made
