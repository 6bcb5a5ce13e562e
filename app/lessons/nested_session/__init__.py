"""Lesson nested_session: two connections for one request."""

from app.lesson import Cure, Lesson, Scenario, Starvation, Trap
from app.lessons.nested_session import after, before

lesson = Lesson(
    name="nested_session",
    title="A second session while the first still has its connection",
    story="Receipts have worked for years, and have tests. On the first of"
    " the month, when everybody wants theirs, all requests hang, then"
    " many of them fail, and then it works again as if nothing had"
    " been. Meanwhile the database had nothing to do.",
    mistake="a function that opens a session of its own, called by a handler"
    " that has one",
    cure="hand the handler's session on",
    heals_by="timeout",
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
    other_cure=Cure(
        "two blocks, one after the other",
        "the first gives its connection back before the second wants one",
    ),
    hints=(
        (
            "Lock the orders (`PUT /lab/orders`), ask for forty receipts,"
            " and let go again. While they hang, look at `/poolwatch/loans`:"
            " all is lent, many wait, and every connection is idle in"
            " transaction. How many does one receipt need?"
        ),
        (
            "Each request has one connection and waits for a second. Once"
            " all are lent as first ones, each waits for what another has,"
            " until the pool's timeout. It is called pool-locking."
        ),
        (
            "One request, one connection: hand the handler's `session` on to"
            " whatever else asks the database, and open no other. Where two"
            " are really needed, give the first back before."
        ),
    ),
)
