"""Lesson stream: a connection that waits for the last event.

When does FastAPI end a dependency with `yield`? Until 0.106 after the
response; then before it, so that a stream found its session closed; since
0.118 after it again, so that an open stream holds a connection. Since 0.121 a
dependency may say so itself, with scope="function" or scope="request". Who
says nothing gets "request", the one that holds.
"""

from app.lesson import Cure, Lesson, LongHold, Scenario, Trap
from app.lessons.stream import after, before

lesson = Lesson(
    name="stream",
    title="A connection kept while a response is streamed",
    story="Since customers can watch their parcels live, the shop stops at"
    " the same number of watchers each time: as many as the pool has"
    " connections. Each stream asks the database once, at its very"
    " beginning.",
    mistake="a streamed response, and a session dependency with FastAPI's"
    " default scope",
    cure='`scope="function"`: read first, give back, then stream',
    heals_by="exit",
    source="fojin#649, open-wearables#1566; FastAPI 0.106, 0.118 and 0.121",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold("parcels on their way", "/orders/1/tracking"),
        Scenario("a parcel that has arrived", "/orders/1/tracking"),
        Scenario(
            "an unknown order", "/orders/2147483647/tracking", status=404
        ),
    ),
    trap=Trap(
        "a larger pool",
        "each open stream holds one connection more; fojin made its pool four"
        " times as large, and noted that closing the session is the cure",
        settings={"POOL_BUFFER": "20"},
    ),
    other_cure=Cure(
        "a block round the question alone",
        "it gives back before the first event, whatever scope dependencies"
        " have",
    ),
    hints=(
        (
            "Keep the carrier silent (`PUT /lab/provider`) and open a few"
            " streams with `curl -N`. While they are open, count the loans in"
            " `/poolwatch/loans`, and see what their connections do."
        ),
        (
            "A dependency with `yield` ends, by FastAPI's default, when the"
            " response has been sent; and a stream's response takes as long"
            " as the stream. What the events need was read before the first"
            " of them."
        ),
        (
            'Ask for the session with `scope="function"`, as `SessionDep`'
            " does: it is closed when the handler returns, before the first"
            " event. The stream then has values to live on, and no session."
        ),
    ),
)
