"""Lesson scoped_session: a session that lives as long as its thread."""

from app.lesson import Lesson, Scenario
from app.lesson_text import text_beside
from app.lessons.scoped_session import after, before
from app.lessons.scoped_session.shared import registry_of

lesson = Lesson(
    name="scoped_session",
    heals_by="thread",
    before=before.router,
    after=after.router,
    scenarios=(
        # Sent one by one, requests would share a thread, and so a session.
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
    forget=registry_of.cache_clear,
    **text_beside(__file__),
)
