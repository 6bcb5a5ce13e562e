"""Lesson engine_per_request: a pool for each request."""

from app.lesson import Lesson, Scenario
from app.lesson_text import text_beside
from app.lessons.engine_per_request import after, before

lesson = Lesson(
    name="engine_per_request",
    heals_by="gc",
    before=before.router,
    after=after.router,
    scenarios=(
        Scenario("an archived order", "/archive/orders/1", strays=1),
        Scenario(
            "an unknown order",
            "/archive/orders/2147483647",
            strays=1,
            status=404,
        ),
        Scenario("bad input", "/archive/orders/0", status=422),
    ),
    **text_beside(__file__),
)
