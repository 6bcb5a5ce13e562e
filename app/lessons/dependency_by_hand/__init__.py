"""Lesson dependency_by_hand: a dependency that FastAPI does not call.

Nobody keeps the generator that `next` has begun, so Python ends it at once,
and its `with` closes a session that has not borrowed yet. A session that was
closed can be used again; this one is, and then nobody closes it.
"""

from app.lesson import Cure, Lesson, Scenario, Trap
from app.lessons.dependency_by_hand import after, before

lesson = Lesson(
    name="dependency_by_hand",
    title="A session dependency called by hand",
    story="The summary gets its session from the same function as everybody"
    " else, and that one closes what it opens. The others give their"
    " connections back, and the summary does not. Two people have"
    " reviewed it.",
    mistake="`next(get_session())`: its `with` block ends before the session"
    " is used, and nobody is left to close it",
    cure="a `with` block round all that uses the session",
    heals_by="gc",
    source="chattermate#203: idle in transaction for hours; DataJunction#942",
    before=before.router,
    after=after.router,
    scenarios=(
        Scenario("an order's summary", "/orders/1/summary", leaks=1),
        Scenario(
            "an unknown order",
            "/orders/2147483647/summary",
            leaks=1,
            status=404,
        ),
        Scenario("bad input", "/orders/0/summary", status=422),
    ),
    trap=Trap(
        "connections that are replaced after a second",
        "a pool looks at a connection's age when it lends it, and these never"
        " come back to be lent",
        settings={"POOL_RECYCLE": "1"},
    ),
    other_cure=Cure(
        "a with, by contextlib.contextmanager",
        "it keeps the generator until the block ends, and then lets it"
        " close its session",
    ),
    hints=(
        (
            "Send one request, and look at `/poolwatch/loans`. The line that"
            " it names has borrowed; look one line further up, at where the"
            " session comes from."
        ),
        (
            "Nobody keeps the generator that `next()` has begun, so Python"
            " ends it at once, and it closes a session that has not borrowed"
            " yet. A closed session can be used again. This one is, and then"
            " nobody is left to close it."
        ),
        (
            "Write the `with` block yourself, round all that uses the"
            " session. Or let FastAPI call the function, with `Depends`:"
            " that is `ThreadsSessionDep`."
        ),
    ),
)
