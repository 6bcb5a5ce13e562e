"""Lesson nested_session: two connections for one request."""

from app.lesson import Lesson, Scenario, Starvation
from app.lesson_text import text_beside
from app.lessons.nested_session import after, before

lesson = Lesson(
    name="nested_session",
    heals_by="timeout",
    before=before.router,
    after=after.router,
    scenarios=(
        Starvation("many receipts at once", "/orders/1/receipt"),
        Scenario("one receipt", "/orders/1/receipt"),
        Scenario("an unknown order", "/orders/2147483647/receipt", status=404),
    ),
    **text_beside(__file__),
)
