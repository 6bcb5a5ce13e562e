"""Lesson stream: a connection held until the last event."""

from app.lesson import Lesson, LongHold, Scenario
from app.lesson_text import text_beside
from app.lessons.stream import after, before

lesson = Lesson(
    name="stream",
    heals_by="exit",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold("open streams", "/orders/1/tracking"),
        Scenario("finished streams", "/orders/1/tracking"),
        Scenario(
            "an unknown order", "/orders/2147483647/tracking", status=404
        ),
    ),
    **text_beside(__file__),
)
