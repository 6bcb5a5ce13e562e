"""The table of contents: every lesson, and where it is mounted."""

from fastapi import FastAPI

from app import analytics, order_processor, orders
from app.errors import problems

LESSONS = (orders.lesson, analytics.lesson, order_processor.lesson)


def mount(app: FastAPI) -> None:
    """Mount each lesson's *after*: as the service itself, and by its name."""
    for lesson in LESSONS:
        for prefix in ("", "/after"):
            app.include_router(
                lesson.after,
                prefix=prefix,
                tags=[lesson.name],
                responses=problems(422, 503),
            )


def mount_leaks(app: FastAPI) -> None:
    """Mount each lesson's *before*; for the lab alone."""
    for lesson in LESSONS:
        app.include_router(
            lesson.before,
            prefix="/before",
            tags=[lesson.name],
            responses=problems(422, 503),
        )
