"""Lesson slow_call: a connection that waits for somebody else's service."""

from app.lesson import Cure, Lesson, LongHold, Scenario, Trap
from app.lessons.slow_call import after, before

lesson = Lesson(
    name="slow_call",
    title="A connection kept while a slow service is asked",
    story="The carrier had a slow afternoon, and our shop was down with it."
    " Pages that never ask the carrier answered 503 as well. The"
    " database's own graphs show next to no work.",
    mistake="a call over the network, while the session has a transaction",
    cure="read, give the connection back, then call",
    heals_by="exit",
    source="mem0#6236: a query of 1 ms, pinned for 20 to 40 s",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold("a price for delivery", "/orders/1/delivery"),
        Scenario(
            "an unknown order", "/orders/2147483647/delivery", status=404
        ),
    ),
    trap=Trap(
        "a larger pool",
        "every connection that is added waits for the carrier as well",
        settings={"POOL_BUFFER": "20"},
    ),
    other_cure=Cure(
        "a close() before the call",
        "a closed session has given its connection back, and the call needs"
        " none",
    ),
    hints=(
        (
            "Keep the carrier silent (`PUT /lab/provider`), send a few"
            " requests, and look at `/poolwatch/loans` while they wait: how"
            " old are the loans, and what do their connections do?"
        ),
        (
            "A session keeps its connection until its transaction ends, and"
            " the first statement begins one. Here the statement takes a"
            " millisecond, and the end comes after the call."
        ),
        (
            "Read in an `async with AsyncSession(database.reader)` block"
            " that ends before the call; `DatabaseDep` has the database."
            " Nothing that waits for others belongs inside."
        ),
    ),
)
