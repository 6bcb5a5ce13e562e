"""Lesson slow_call: a connection held during a call over the network."""

from app.lesson import Lesson, LongHold, Scenario
from app.lesson_text import text_beside
from app.lessons.slow_call import after, before

lesson = Lesson(
    name="slow_call",
    heals_by="exit",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold("while the carrier is called", "/orders/1/delivery"),
        Scenario(
            "an unknown order", "/orders/2147483647/delivery", status=404
        ),
    ),
    **text_beside(__file__),
)
