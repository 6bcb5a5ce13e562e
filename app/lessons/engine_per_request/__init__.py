"""Lesson engine_per_request: a pool for each request, and nobody's."""

from app.lesson import Lesson, Scenario, Trap
from app.lessons.engine_per_request import after, before

lesson = Lesson(
    name="engine_per_request",
    title="An engine for each request",
    mistake="`create_engine()` in the handler: a pool of its own for a"
    " request, which no one disposes of",
    cure="one engine for the life of the service, made where it starts",
    heals_by="gc",
    source="climb-elo#183; fastapi#6006; fidesops#1107",
    before=before.router,
    after=after.router,
    scenarios=(
        Scenario("an archived order", "/archive/orders/1", strays=1),
        Scenario(
            "an unknown order",
            "/archive/orders/2147483647",
            strays=1,
            status=404,
        ),
        Scenario("bad input", "/archive/orders/0", status=422),
    ),
    trap=Trap(
        "connections that are replaced after a second",
        "a pool looks at a connection's age when it lends it again, and these"
        " pools lend once",
        settings={"POOL_RECYCLE": "1"},
    ),
)
