"""Lesson websocket: a connection for each open tab.

A dependency lives at least as long as the function that asked for it, and a
WebSocket's function is the whole conversation. So scope="function", which
cures a stream, does nothing here: from its first question on, a tab keeps a
connection, whether somebody looks at it or not.
"""

from app.lesson import Cure, Lesson, LongHold, Scenario, Trap
from app.lessons.websocket import after, before

lesson = Lesson(
    name="websocket",
    title="A connection kept as long as a WebSocket is open",
    story="Customers keep the tab with their order open all day. By noon"
    " nobody can order any more, though the tabs say nothing at all. It"
    " gets better at lunch time, when people close their browsers.",
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
    other_cure=Cure(
        "a close() after each question",
        "a closed session has given its connection back, and can be asked"
        " again",
    ),
    hints=(
        (
            "Open a few WebSockets, ask one question in each, and keep them"
            " open. Then look at `/poolwatch/loans`: one loan for each of"
            " them, idle in transaction."
        ),
        (
            "A dependency lives at least as long as the function that asked"
            " for it, whatever its scope; and the function of a WebSocket is"
            " the whole conversation."
        ),
        (
            "Ask for `DatabaseDep` instead, and open a session for each"
            " message: `async with AsyncSession(database.reader)` inside the"
            " loop, ended before the carrier is called."
        ),
    ),
)
