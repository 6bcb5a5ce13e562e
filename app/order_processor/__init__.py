"""Lesson order_processor: two sessions where one is enough."""

from app.lesson import Lesson, Scenario
from app.lesson_text import text_beside
from app.order_processor import after, before

lesson = Lesson(
    name="order_processor",
    heals_by="gc",
    before=before.router,
    after=after.router,
    scenarios=(
        Scenario("an order", "/orders/1/process", leaks=1, method="POST"),
        Scenario(
            "an unknown order",
            "/orders/2147483647/process",
            leaks=1,
            status=404,
            method="POST",
        ),
        Scenario(
            "an order without items",
            "/orders/97/process",
            leaks=2,
            status=409,
            method="POST",
        ),
    ),
    **text_beside(__file__),
)
