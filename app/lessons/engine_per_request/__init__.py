"""Lesson engine_per_request: a pool for each request, and nobody's."""

from app.lesson import Cure, Lesson, Scenario, Trap
from app.lessons.engine_per_request import after, before

lesson = Lesson(
    name="engine_per_request",
    title="An engine for each request",
    story="The archive is hardly used, and the graphs of our pools are flat."
    " Still the server has more and more connections from us, and one"
    " day it answers `too many clients already`, to other services as"
    " well.",
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
    other_cure=Cure(
        "the service's session dependency",
        "it borrows from the service's pool and gives back to it; there is"
        " no other",
    ),
    hints=(
        (
            "Ask for `/before/archive/orders/1` a few times."
            " `/poolwatch/loans` shows nothing lent, so compare what the"
            " pools know with what the server counts: `GET /lab/backends`, or"
            " `pg_stat_activity`."
        ),
        (
            "A pool keeps what it gets back, for the next who asks. Here"
            " each request makes a pool, which gets back one connection, is"
            " never asked again, and is closed by nobody."
        ),
        (
            "One engine for the life of the service: `database.engine` is"
            " there. Where one must be made for a job, `await"
            " engine.dispose()` in a `finally`."
        ),
    ),
)
