"""Lesson order_processor: two sessions where one would do."""

from app.lesson import Lesson, Scenario, Trap
from app.order_processor import after, before

lesson = Lesson(
    name="order_processor",
    title="Two sessions, an early exit, and a close that few paths reach",
    mistake="a session for each question, closed at the end or not at all",
    cure="one session from a dependency, and a row lock",
    heals_by="gc",
    source="write-up, section 5",
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
    trap=Trap(
        "a larger pool",
        "it takes as many more requests until it is empty",
        settings={"POOL_BUFFER": "20"},
    ),
)
