"""Lesson orders: a session that is opened by hand and closed on no path."""

from app.lesson import Cure, Lesson, Scenario, Trap
from app.orders import after, before

lesson = Lesson(
    name="orders",
    title="A session opened by hand and never closed",
    story="On call, Monday 09:12: since the sale began, every page of the"
    " shop answers 503 after half a minute. PostgreSQL is bored: its"
    " connections are idle in transaction, and none is active. On quiet"
    " days nobody has ever seen it.",
    mistake="`session = AsyncSession(engine)`, and no close on any path",
    cure='a session dependency with `scope="function"`, or `async with`',
    heals_by="gc",
    source="write-up, section 2; SQLAlchemy's error page 3o7r",
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
        Scenario("bad input", "/orders?limit=0", leaks=0, status=422),
    ),
    trap=Trap(
        "a larger pool",
        "it takes as many more requests until it is empty",
        settings={"POOL_BUFFER": "20"},
    ),
    other_cure=Cure(
        "a close() in a finally",
        "each session is closed on every way out, the error's as well",
    ),
    hints=(
        (
            "Send one request to `/before/orders/1`, and look at"
            " `/poolwatch/loans`: who still has a connection, and which line"
            " has borrowed it? `pg_stat_activity` shows the same one, idle in"
            " transaction."
        ),
        (
            "A session borrows with its first statement, and keeps the"
            " connection until it is closed. Follow each handler to its end,"
            " the `raise` as well: who closes? Some day the garbage collector"
            " does, which is why quiet days hide it."
        ),
        (
            "Let somebody close it for you: `SessionDep` and `ReaderDep` of"
            " `app/database/sessions.py` are dependencies with"
            ' `scope="function"`,'
            " which close on every way out. Or put `async with"
            " AsyncSession(…)` round what needs it."
        ),
    ),
)
