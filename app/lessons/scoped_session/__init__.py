"""Lesson scoped_session: a session that lives as long as its thread.

The thread then serves other requests, with that same session. A `remove()` in
a middleware or in a dependency does not help: FastAPI runs it in another
thread, and it removes another session.
"""

from app.lesson import Cure, Lesson, Scenario, Trap
from app.lessons.scoped_session import after, before
from app.lessons.scoped_session.shared import registry_of

lesson = Lesson(
    name="scoped_session",
    title="A session for each thread, which nobody removes",
    story="On a busy day, some requests for parcels answer 503, and others,"
    " for the very same parcel, at once. And after the last request of the"
    " day, several connections are idle in transaction all night. Nobody is"
    " at work on them.",
    mistake="`scoped_session`, used in FastAPI's threads without `remove()`",
    cure="a session for each request, in a `with` block",
    heals_by="thread",
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
        "it frees the sessions of threads that have ended, and while there"
        " is work for them, none ends",
        collects=True,
    ),
    other_cure=Cure(
        "a remove() in the handler's finally",
        "it closes the session of the thread it runs in, which is the"
        " handler's own",
    ),
    hints=(
        (
            "Send a dozen requests at once, and then none."
            " `/poolwatch/loans` shows connections that are still lent,"
            " `pg_stat_activity` the transactions that are open on them. What"
            " do they belong to, a request or something that lives longer?"
        ),
        (
            "The registry keeps one session a thread, and FastAPI's threads"
            " outlive requests: the next one in that thread gets the same"
            " session, in the same transaction. What cleans up in a"
            " dependency or a middleware runs in another thread, and cleans"
            " up that one's."
        ),
        (
            "`with Session(engine)` in the handler itself: it borrows and"
            " gives back in one block, in one thread. Where the registry must"
            " stay: `remove()`, in a `finally` of the handler."
        ),
    ),
    forget=registry_of.cache_clear,
)
