"""Lesson auth_dependency: a sign-in that holds its connection too long."""

from app.lesson import Lesson, LongHold, Scenario
from app.lesson_text import text_beside
from app.lessons.auth_dependency import after, before

lesson = Lesson(
    name="auth_dependency",
    heals_by="exit",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold(
            "offers, while the advisor is called",
            "/guests/offers?order=1&customer=Dana%20Fuchs",
        ),
        Scenario("offers", "/guests/offers?order=1&customer=Dana%20Fuchs"),
        Scenario(
            "a wrong customer",
            "/guests/offers?order=1&customer=Nobody",
            status=403,
        ),
    ),
    **text_beside(__file__),
)
