"""Lesson row_lock: a leak that blocks every writer of the same row."""

from app.lesson import Block, Lesson, Scenario
from app.lesson_text import text_beside
from app.lessons.row_lock import after, before

lesson = Lesson(
    name="row_lock",
    heals_by="gc",
    before=before.router,
    after=after.router,
    scenarios=(
        Block(
            "an order without items, again",
            "/orders/97/invoice",
            status=409,
            method="POST",
        ),
        Scenario("an order", "/orders/1/invoice", method="POST"),
        Scenario(
            "an unknown order",
            "/orders/2147483647/invoice",
            leaks=1,
            status=404,
            method="POST",
        ),
    ),
    **text_beside(__file__),
)
