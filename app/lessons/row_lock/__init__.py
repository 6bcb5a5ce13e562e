"""Lesson row_lock: a leak that blocks whoever writes the same row.

The next who writes that order waits for a lock that nobody will let go, and
no pool is to blame: `/poolwatch/loans` shows whom the leaked loan blocks.
"""

from app.lesson import Block, Cure, Lesson, Scenario, Trap
from app.lessons.row_lock import after, before

lesson = Lesson(
    name="row_lock",
    title="An error after flush() leaves a row locked",
    story="Order 97 has no items, so nobody can invoice it, and the answer"
    " says so. Since somebody tried, whoever tries again hangs until"
    " the statement's timeout, while all other orders work. The pool"
    " has plenty left.",
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
    other_cure=Cure(
        "async with session.begin()",
        "an error rolls back, which lets go of the row and gives the"
        " connection back",
    ),
    hints=(
        (
            "Ask for the invoice of order 97: 409, as it should be. Ask"
            " again: it hangs. While it does, `/poolwatch/loans` shows a loan"
            " that is leaked, and whom it blocks."
        ),
        (
            "`flush()` sends the UPDATE, which locks the row until the"
            " transaction ends. The `raise` then passes both the commit and"
            " the close, so the transaction does not end."
        ),
        (
            "`SessionDep` closes the session on every way out, and to close"
            " is to roll back, which lets go of the row. By hand, put `async"
            " with AsyncSession(…)` round all of it."
        ),
    ),
)
