"""The six steps of a demonstration, and what a room should watch at each."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui

from lab.page.dashboard import Dashboard
from lab.page.lesson_load import RATE


@dataclass(frozen=True, slots=True)
class Step:
    """One button of the guide, and what to watch once it was pressed."""

    name: str
    do: Callable[[], Awaitable[None]]
    is_done: bool
    watch: str


def steps(
    dashboard: Dashboard, find_line: Callable[[], Awaitable[None]]
) -> tuple[Step, ...]:
    """List the steps for the chosen lesson, as far as they are done."""
    lesson, now = dashboard.lesson, dashboard.history.now
    is_leaky = dashboard.variant(lesson) != "after"
    needs_provider = any(each.meet == "provider" for each in lesson.scenarios)
    hide = (
        Step(
            "Provider silent",
            lambda: dashboard.switch_provider(on=False),
            not dashboard.provider_answers,
            "each request waits for the provider and keeps its connection.",
        )
        if needs_provider
        else Step(
            "Collector off",
            lambda: dashboard.switch_collector(on=False),
            not dashboard.collector_on,
            "leaks fill the pool up to the dashed line; then requests wait"
            " and fail.",
        )
    )
    clean_up = (
        Step(
            "Provider on",
            lambda: dashboard.switch_provider(on=True),
            dashboard.provider_answers,
            "requests succeed again.",
        )
        if needs_provider
        else Step(
            "Take back",
            dashboard.reclaim,
            now is None or not now.leaked(),
            "leaked connections fall to 0, and requests succeed again.",
        )
    )
    return (
        Step(
            "Leaky",
            lambda: dashboard.set_flag(lesson, "before"),
            is_leaky,
            "the LEAK lines of the code run from now on. No load yet.",
        ),
        Step(
            "Load",
            lambda: dashboard.start_load(dashboard.load.rate or RATE),
            dashboard.load.is_on,
            "connections in use come and go, and every request succeeds."
            if needs_provider
            else "leaked connections grow, and every request still succeeds.",
        ),
        hide,
        Step(
            "Find the line",
            find_line,
            dashboard.progress == "line found",
            "the line of code, and PostgreSQL's state of its connections.",
        ),
        Step(
            "Fix",
            lambda: dashboard.set_flag(lesson, "after"),
            not is_leaky,
            "requests still wait for the provider, but hold no connection."
            if needs_provider
            else "no new leaks, but the old ones stay and fill the pool.",
        ),
        clean_up,
    )


def next_step(found: tuple[Step, ...]) -> int | None:
    """Find the step to take now; None once the last one is done."""
    *_, fix, clean_up = found
    if fix.is_done:
        return None if clean_up.is_done else len(found) - 1
    return next(i for i, step in enumerate(found) if not step.is_done)


def guide_row(
    dashboard: Dashboard, find_line: Callable[[], Awaitable[None]]
) -> Callable[[], None]:
    """Place it here; the returned function updates it."""

    async def take(index: int) -> None:
        await steps(dashboard, find_line)[index].do()

    with ui.element("section").classes("guide"):
        ui.html("Guide", tag="h2", sanitize=False).classes("spoken")
        with ui.element("ol").classes("steps"):
            buttons = []
            for index in range(6):
                with ui.element("li"):
                    button = ui.button(on_click=lambda i=index: take(i))
                    button.props("outline dense no-caps")
                buttons.append(button)
        watch = ui.label().classes("watch").props('role="status"')

    def update() -> None:
        found = steps(dashboard, find_line)
        upcoming = next_step(found)
        for index, (step, button) in enumerate(
            zip(found, buttons, strict=True)
        ):
            button.text = f"{index + 1} {step.name}"
            current = index == (upcoming or 0)
            button.props(f"aria-current={'step' if current else 'false'}")
        if upcoming:
            watch.text = f"Watch: {found[upcoming - 1].watch}"
        elif dashboard.progress == "taken back":
            watch.text = f"Watch: {found[-1].watch}"
        else:
            watch.text = "Start here, and press one after the other."

    return update
