"""The six steps of a demonstration, and what a room should watch at each."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from lab.page.dashboard import Dashboard
from lab.page.lesson_load import RATE

CODE = "the LEAK lines of the code: they run from now on. No load yet."
LINE = "the line of code, and PostgreSQL's state of its connections."
LEAK_STEPS = (
    ("Leaky", CODE),
    (
        "Load",
        "leaks grow. Requests succeed until the pool is full.",
    ),
    (
        "Collector off",
        "leaks fill the pool up to the dashed line. Then requests fail.",
    ),
    ("Find the line", LINE),
    ("Fix", "no new leaks, but the old ones stay and fill the pool."),
    ("Take back", "leaked connections fall to 0, and requests succeed again."),
)
PROVIDER_STEPS = (
    ("Leaky", CODE),
    ("Load", "connections in use come and go: each is returned."),
    (
        "Provider silent",
        "requests wait for the provider, and keep their connections.",
    ),
    ("Find the line", LINE),
    ("Fix", "requests still wait for the provider, but hold no connection."),
    ("Provider on", "requests succeed again."),
)
"""For lessons whose fault shows only while the provider does not answer."""


def needs_provider(dashboard: Dashboard) -> bool:
    """Whether the lesson is one of those."""
    return any(s.meet == "provider" for s in dashboard.lesson.scenarios)


def next_step(dashboard: Dashboard) -> int:
    """Find the step to take, from the service's state, as an index."""
    if dashboard.variant(dashboard.lesson) == "after":
        now = dashboard.history.now
        is_clean = dashboard.provider_on and not (now and now.leaked())
        return 0 if is_clean else 5
    is_hidden = (
        dashboard.provider_on
        if needs_provider(dashboard)
        else dashboard.collector_on
    )
    is_found = dashboard.progress == "line found"
    done = (True, dashboard.load.is_on, not is_hidden, is_found, False)
    return done.index(False)


def guide_row(
    dashboard: Dashboard, find_line: Callable[[], Awaitable[None]]
) -> Callable[[], None]:
    """Place it here; the returned function updates it."""

    async def show_fault() -> None:
        if needs_provider(dashboard):
            await dashboard.switch_provider(on=False)
        else:
            await dashboard.switch_collector(on=False)

    async def clean_up() -> None:
        if needs_provider(dashboard):
            await dashboard.switch_provider(on=True)
        else:
            await dashboard.reclaim()

    with ui.element("section").classes("guide"):
        ui.html("Guide", tag="h2", sanitize=False).classes("spoken")
        with ui.element("div").classes("steps"):
            buttons = [
                ui.button(on_click=do).props("outline dense no-caps")
                for do in (
                    lambda: dashboard.set_flag(dashboard.lesson, "before"),
                    lambda: dashboard.start_load(dashboard.load.rate or RATE),
                    show_fault,
                    find_line,
                    lambda: dashboard.set_flag(dashboard.lesson, "after"),
                    clean_up,
                )
            ]
        watch = ui.label().classes("watch").props('role="status"')

    def update() -> None:
        steps = PROVIDER_STEPS if needs_provider(dashboard) else LEAK_STEPS
        upcoming = next_step(dashboard)
        for index, button in enumerate(buttons):
            button.text = f"{index + 1} {steps[index][0]}"
            current = "step" if index == upcoming else "false"
            button.props(f"aria-current={current}")
        watch.text = f"Watch: {steps[upcoming - 1][1]}"
        if upcoming == 0 and dashboard.progress != "taken back":
            watch.text = "Start here, and press one after the other."

    return update
