"""Lesson nested_session: two connections for one request."""

from app.lesson import Lesson, Scenario, Starvation, Trap
from app.lessons.nested_session import after, before

lesson = Lesson(
    name="nested_session",
    title="A second session while the first still has its connection",
    mistake="a function that opens a session of its own, called by a handler"
    " that has one",
    cure="hand the handler's session on",
    heals_by="exit",
    source="fastapi-realworld#64; HikariCP's page on pool-locking",
    before=before.router,
    after=after.router,
    scenarios=(
        Starvation("many receipts at once", "/orders/1/receipt"),
        Scenario("one receipt", "/orders/1/receipt"),
        Scenario("an unknown order", "/orders/2147483647/receipt", status=404),
    ),
    trap=Trap(
        "a larger pool",
        "requests take all of it for their first connection, and each waits"
        " for its second",
        settings={"POOL_BUFFER": "20"},
    ),
)
