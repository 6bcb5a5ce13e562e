"""Lesson sync_in_async: a session that stops the event loop.

A session goes back when its dependency ends, and that needs the event loop.
When the pool is lent out, the next handler waits for it on that same loop:
nothing runs, not even a health check, until the pool's timeout.

A plain `def` would keep the loop free as well; it cannot await the carrier,
and brings a trap of its own, which is the lesson `threadpool_lock`.
"""

from app.lesson import Cure, Lesson, Scenario, Starvation, Trap
from app.lessons.sync_in_async import after, before

lesson = Lesson(
    name="sync_in_async",
    title="A synchronous session in an `async def` handler",
    story="At the peak all stands still: orders, health checks, even the"
    " metrics. Then it goes on for a moment, and stops again. Neither"
    " we nor PostgreSQL use any CPU meanwhile. Only last week we mended"
    " a leak, by the book.",
    mistake="`Session = Depends(get_session)`, the write-up's own fix, in a"
    " handler that runs on the event loop",
    cure="`AsyncSession`, and `await`",
    heals_by="timeout",
    source="write-up, section 2, option 1; uhh-lt/dats#217; open-webui#11233",
    before=before.router,
    after=after.router,
    scenarios=(
        Starvation(
            "many who look for one at once",
            "/orders/1/location",
            pool="threads",
            meet="provider",
        ),
        Scenario("one who looks", "/orders/1/location"),
        Scenario(
            "an unknown order", "/orders/2147483647/location", status=404
        ),
    ),
    trap=Trap(
        "a longer pool timeout",
        "the loop that would bring a connection back stands still for longer",
        settings={"POOL_TIMEOUT": "2"},
    ),
    other_cure=Cure(
        "the question in run_in_threadpool()",
        "whoever waits for a connection waits in a thread, and the loop is"
        " free to bring others back",
    ),
    hints=(
        (
            "Ask for `/before/orders/1/location` ten times at once, and then"
            " for `/healthz`, which needs no database: it hangs as well. The"
            " service's log has a verdict beside each 503; poolwatch's own"
            " port, `POOLWATCH_PORT`, has it while it lasts."
        ),
        (
            "What waits in an `async def` without giving way keeps the event"
            " loop for itself. Here that is the wait for a connection, and"
            " those who have one need the loop to bring it back."
        ),
        (
            "An asyncio session, `SessionDep`, and `await session.exec(…)`."
            " A plain `def` would free the loop as well, but cannot await the"
            " carrier."
        ),
    ),
)
