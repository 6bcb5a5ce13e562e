"""Lesson background_task: a task that uses the request's session."""

from app.lesson import Lesson, LongHold, Scenario
from app.lesson_text import text_beside
from app.lessons.background_task import after, before

lesson = Lesson(
    name="background_task",
    heals_by="exit",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold(
            "while the mail is sent",
            "/orders/1/confirmation",
            status=202,
            method="POST",
        ),
        Scenario(
            "after the mail is sent",
            "/orders/1/confirmation",
            status=202,
            method="POST",
        ),
        Scenario(
            "an unknown order",
            "/orders/2147483647/confirmation",
            status=404,
            method="POST",
        ),
    ),
    **text_beside(__file__),
)
