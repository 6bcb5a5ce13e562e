"""Lesson slow_call: a connection that waits for somebody else's service."""

from app.lesson import Lesson, LongHold, Scenario, Trap
from app.lessons.slow_call import after, before

lesson = Lesson(
    name="slow_call",
    title="A connection kept while a slow service is asked",
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
)
