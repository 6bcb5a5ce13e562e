"""Lesson analytics: a pool's connection that not every way out releases.

The write-up's own example, `asyncpg.connect()` without a close, does not
leak: reference counting runs the connection's `__del__`, which ends it. It
costs a new connection a request, which is churn.
"""

import datetime as dt

from app.analytics import after, before
from app.lesson import Cure, Lesson, Scenario, Trap

_LAST_MONTH = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=30)

lesson = Lesson(
    name="analytics",
    title="A release that the early return and the error skip",
    story="New customers open the dashboard before they have sold anything,"
    " and see an empty page, as they should. By the afternoon the"
    " dashboard answers 503 to everybody, and goes on so until somebody"
    " restarts the service. It is always the busiest day for sign-ups.",
    mistake="`pool.acquire()`, and a release that not every way out reaches",
    cure="`async with pool.acquire(timeout=…)`",
    heals_by="never",
    source="write-up, section 3; asyncpg's own warning on Pool.close()",
    before=before.router,
    after=after.router,
    scenarios=(
        Scenario("the last month", f"/analytics?since={_LAST_MONTH}", leaks=0),
        Scenario("no data yet", "/analytics?since=2999-01-01", leaks=1),
        Scenario(
            "too many days", "/analytics?since=2000-01-01", leaks=1, status=422
        ),
        Scenario("bad input", "/analytics?since=soon", leaks=0, status=422),
    ),
    trap=Trap(
        "gc.collect() after every request",
        "the pool itself refers to what it has lent: nothing is garbage",
        collects=True,
    ),
    other_cure=Cure(
        "a release() in a finally",
        "the early return and the error release what they were lent as well",
    ),
    hints=(
        (
            "Ask for days with figures, for days without"
            " (`since=2999-01-01`), and for too many (`since=2000-01-01`)."
            " After each, look at `/poolwatch/loans`: which of them leaves a"
            " loan behind?"
        ),
        (
            "What is borrowed by hand must be given back by hand, on each"
            " way out. Count the ways out of the handler, and then those that"
            " pass the line which gives back."
        ),
        (
            "What `pool.acquire()` answers can be used in `async with`,"
            " which releases however the block is left. Keep its `timeout`,"
            " and put nothing but the query inside."
        ),
    ),
)
