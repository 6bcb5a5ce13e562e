"""Lesson kept_session: a session that a cache keeps alive."""

from app.lesson import Lesson, Scenario
from app.lesson_text import text_beside
from app.lessons.kept_session import after, before
from app.lessons.kept_session.shared import RECENT

lesson = Lesson(
    name="kept_session",
    heals_by="never",
    before=before.router,
    after=after.router,
    scenarios=(
        Scenario("a viewed order", "/orders/1/recent", leaks=1),
        Scenario(
            "an unknown order",
            "/orders/2147483647/recent",
            leaks=1,
            status=404,
        ),
    ),
    forget=RECENT.clear,
    **text_beside(__file__),
)
