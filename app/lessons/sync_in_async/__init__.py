"""Lesson sync_in_async: a session that stops the event loop.

A session goes back when its dependency ends, and that needs the event loop.
When the pool is lent out, the next handler waits for it on that same loop:
nothing runs, not even a health check, until the pool's timeout.

A plain `def` would keep the loop free as well; it cannot await the carrier,
and brings a trap of its own, which is the lesson `threadpool_lock`.
"""

from app.lesson import Lesson, Scenario, Starvation, Trap
from app.lessons.sync_in_async import after, before

lesson = Lesson(
    name="sync_in_async",
    title="A synchronous session in an `async def` handler",
    mistake="`Session = Depends(get_session)`, the write-up's own fix, in a"
    " handler that runs on the event loop",
    cure="`AsyncSession`, and `await`",
    heals_by="exit",
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
)
