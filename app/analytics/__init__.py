"""Lesson analytics: a connection that only one exit path releases."""

import datetime as dt

from app.analytics import after, before
from app.lesson import Lesson, Scenario
from app.lesson_text import text_beside

_LAST_MONTH = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=30)

lesson = Lesson(
    name="analytics",
    heals_by="never",
    before=before.router,
    after=after.router,
    scenarios=(
        Scenario("the last month", f"/analytics?since={_LAST_MONTH}"),
        Scenario("no data yet", "/analytics?since=2999-01-01", leaks=1),
        Scenario(
            "too many days", "/analytics?since=2000-01-01", leaks=1, status=422
        ),
        Scenario("bad input", "/analytics?since=soon", status=422),
    ),
    **text_beside(__file__),
)
