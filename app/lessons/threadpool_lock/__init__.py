"""Lesson threadpool_lock: connections and threads that wait for each other.

FastAPI runs `def` handlers in 40 threads. A handler's response is made in a
thread as well, and its session closed after that. Once the handlers that wait
for a connection have taken all threads, those that have one get no thread to
go on with: all wait for the pool's timeout. With fewer threads it comes to
that sooner.

In *after*, handlers still wait for a connection in all threads; whoever has
one needs no other thread to give it back, so each gets its turn.
"""

from app.lesson import Cure, Lesson, Scenario, Starvation, Trap
from app.lessons.threadpool_lock import after, before

lesson = Lesson(
    name="threadpool_lock",
    title="`def` handlers that take all threads to wait for connections",
    story="Sixty packers begin at eight, and each wants a packing list. For"
    " a while nobody gets one; then much fails at once, and a minute"
    " later the same request takes milliseconds. Nobody can make it"
    " happen at any other time of the day.",
    mistake="a session dependency, and a response that FastAPI makes in one"
    " more thread before the session is closed",
    cure="a session that begins and ends in the handler's own thread",
    heals_by="timeout",
    source="fastapi#3205 and discussion 6628",
    before=before.router,
    after=after.router,
    scenarios=(
        Starvation(
            "more packers than threads",
            "/orders/1/packing-list",
            pool="threads",
            requests=60,
            meet="provider",
        ),
        Scenario("one packer", "/orders/1/packing-list"),
        Scenario(
            "an unknown order", "/orders/2147483647/packing-list", status=404
        ),
    ),
    trap=Trap(
        "a longer pool timeout",
        "all threads wait for longer, and none is left to give back",
        settings={"POOL_TIMEOUT": "2"},
    ),
    other_cure=Cure(
        "an async def and an AsyncSession",
        "who waits for a connection waits on the loop, and no thread is"
        " needed to give one back",
    ),
    hints=(
        (
            "Let sixty requests meet: keep the token's keeper silent (`PUT"
            " /lab/provider`), send them, and let it answer. While they hang,"
            " `/poolwatch/loans` shows all connections lent and no statement"
            " under way. What else does a `def` handler need?"
        ),
        (
            "FastAPI runs `def` handlers in 40 threads. A handler's response"
            " is made in such a thread as well, and its dependency's session"
            " closed after that. Once 40 handlers wait for a connection,"
            " those that have one get no thread to go on with."
        ),
        (
            "Begin and end the session in the handler's own thread: `with"
            " Session(engine)` in the function, and no dependency."
        ),
    ),
)
