"""Lesson websocket: a connection for each open tab.

A dependency lives at least as long as the function that asked for it, and a
WebSocket's function is the whole conversation. So scope="function", which
cures a stream, does nothing here: from its first question on, a tab keeps a
connection, whether somebody looks at it or not.
"""

from app.lesson import Lesson, LongHold, Scenario, Trap
from app.lessons.websocket import after, before

lesson = Lesson(
    name="websocket",
    title="A connection kept as long as a WebSocket is open",
    mistake="a WebSocket with a session dependency, of whichever scope",
    cure="a session for each message",
    heals_by="exit",
    source="tiled#1172; fastapi#11305, a sign-in that held it",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold(
            "open tabs",
            "/orders/live",
            method="WEBSOCKET",
            body={"order_id": 1},
        ),
        Scenario(
            "tabs that are closed",
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
    trap=Trap(
        "pool_recycle",
        "a pool replaces what is old when it lends it; what is lent already"
        " stays lent, however old",
        settings={"POOL_RECYCLE": "1"},
    ),
)
