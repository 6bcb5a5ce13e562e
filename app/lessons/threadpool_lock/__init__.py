"""Lesson threadpool_lock: connections and threads that wait for each other."""

from app.lesson import Lesson, Scenario, Starvation
from app.lesson_text import text_beside
from app.lessons.threadpool_lock import after, before

lesson = Lesson(
    name="threadpool_lock",
    heals_by="timeout",
    before=before.router,
    after=after.router,
    scenarios=(
        Starvation(
            "more requests than threads",
            "/orders/1/packing-list",
            pool="threads",
            requests=60,
            meet="provider",
        ),
        Scenario("one request", "/orders/1/packing-list"),
        Scenario(
            "an unknown order", "/orders/2147483647/packing-list", status=404
        ),
    ),
    **text_beside(__file__),
)
