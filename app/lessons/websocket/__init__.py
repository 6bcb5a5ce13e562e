"""Lesson websocket: a connection for each open WebSocket."""

from app.lesson import Lesson, LongHold, Scenario
from app.lesson_text import text_beside
from app.lessons.websocket import after, before

lesson = Lesson(
    name="websocket",
    heals_by="exit",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold(
            "open WebSockets",
            "/orders/live",
            method="WEBSOCKET",
            body={"order_id": 1},
        ),
        Scenario(
            "closed WebSockets",
            "/orders/live",
            method="WEBSOCKET",
            body={"order_id": 1},
        ),
        Scenario(
            "an unknown order",
            "/orders/live",
            method="WEBSOCKET",
            body={"order_id": 2147483647},
        ),
    ),
    **text_beside(__file__),
)
