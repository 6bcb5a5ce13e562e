"""Lesson dependency_by_hand: a dependency that FastAPI does not call."""

from app.lesson import Lesson, Scenario
from app.lesson_text import text_beside
from app.lessons.dependency_by_hand import after, before

lesson = Lesson(
    name="dependency_by_hand",
    heals_by="gc",
    before=before.router,
    after=after.router,
    scenarios=(
        Scenario("an order's summary", "/orders/1/summary", leaks=1),
        Scenario(
            "an unknown order",
            "/orders/2147483647/summary",
            leaks=1,
            status=404,
        ),
        Scenario("bad input", "/orders/0/summary", status=422),
    ),
    **text_beside(__file__),
)
