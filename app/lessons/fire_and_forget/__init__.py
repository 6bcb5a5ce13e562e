"""Lesson fire_and_forget: a task that keeps the session of its request."""

from app.lesson import Lesson, LongHold, Scenario
from app.lesson_text import text_beside
from app.lessons.fire_and_forget import after, before
from app.lessons.fire_and_forget.shared import cancel_tasks

lesson = Lesson(
    name="fire_and_forget",
    heals_by="exit",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold(
            "while the warehouse is called",
            "/orders/1/shipment",
            status=202,
            method="POST",
        ),
        Scenario(
            "an unknown order",
            "/orders/2147483647/shipment",
            status=404,
            method="POST",
        ),
    ),
    forget=cancel_tasks,
    **text_beside(__file__),
)
