"""Lesson orders: a session that is opened by hand and never closed."""

from app.lesson import Lesson, Scenario
from app.lesson_text import text_beside
from app.orders import after, before

lesson = Lesson(
    name="orders",
    heals_by="gc",
    before=before.router,
    after=after.router,
    scenarios=(
        Scenario("a page of orders", "/orders?limit=20", leaks=1),
        Scenario("the same, option 2", "/orders-alt?limit=20", leaks=1),
        Scenario("one order", "/orders/1", leaks=1),
        Scenario(
            "an unknown order", "/orders/2147483647", leaks=1, status=404
        ),
        Scenario(
            "a new order",
            "/orders",
            leaks=1,
            status=201,
            method="POST",
            body={
                "customer": "A. Trainee",
                "items": [
                    {"product": "teapot", "price": "24.90", "quantity": 1}
                ],
            },
        ),
        Scenario("bad input", "/orders?limit=0", status=422),
    ),
    **text_beside(__file__),
)
