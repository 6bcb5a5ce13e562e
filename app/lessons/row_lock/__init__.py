"""Lesson row_lock: a leak that blocks whoever writes the same row.

The next who writes that order waits for a lock that nobody will let go, and
no pool is to blame: `/poolwatch/loans` shows whom the leaked loan blocks.
"""

from app.lesson import Block, Lesson, Scenario, Trap
from app.lessons.row_lock import after, before

lesson = Lesson(
    name="row_lock",
    title="An error after flush() leaves a row locked",
    mistake="`raise` between `flush()` and `commit()`, in a session that"
    " nobody closes then",
    cure="a session dependency, which rolls back and closes on every way out",
    heals_by="gc",
    source="SQLAlchemy's FAQ on sessions: close, and so roll back, always",
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
    trap=Trap(
        "a larger pool",
        "the row stays locked, however many connections wait for it",
        settings={"POOL_BUFFER": "20"},
    ),
)
