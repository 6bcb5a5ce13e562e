"""Lesson scoped_session: a session that lives as long as its thread.

The thread then serves other requests, with that same session. A `remove()` in
a middleware or in a dependency does not help: FastAPI runs it in another
thread, and it removes another session.
"""

from app.lesson import Lesson, Scenario, Trap
from app.lessons.scoped_session import after, before
from app.lessons.scoped_session.query import registry_of

lesson = Lesson(
    name="scoped_session",
    title="A session for each thread, which nobody removes",
    mistake="`scoped_session`, used in FastAPI's threads without `remove()`",
    cure="a session for each request, in a `with` block",
    heals_by="never",
    source="open-webui#20868: idle in transaction for 30 to 50 minutes",
    before=before.router,
    after=after.router,
    scenarios=(
        # One after the other, requests share a thread, and so a session.
        Scenario(
            "parcels at once", "/orders/1/parcel", leaks=1, meet="orders"
        ),
        Scenario(
            "unknown orders at once",
            "/orders/2147483647/parcel",
            leaks=1,
            status=404,
            meet="orders",
        ),
        Scenario("bad input", "/orders/0/parcel", status=422),
    ),
    trap=Trap(
        "gc.collect() after every request",
        "the collector frees what nobody refers to, and the threads live on",
        collects=True,
    ),
    forget=registry_of.cache_clear,
)
