"""Lesson sync_in_async: a session that blocks the event loop."""

from app.lesson import Lesson, Scenario, Starvation
from app.lesson_text import text_beside
from app.lessons.sync_in_async import after, before

lesson = Lesson(
    name="sync_in_async",
    heals_by="timeout",
    before=before.router,
    after=after.router,
    scenarios=(
        Starvation(
            "many requests at once",
            "/orders/1/location",
            pool="threads",
            meet="provider",
        ),
        Scenario("one request", "/orders/1/location"),
        Scenario(
            "an unknown order", "/orders/2147483647/location", status=404
        ),
    ),
    **text_beside(__file__),
)
