"""Lesson background_task: the client has its answer, the pool has nothing.

A dependency with `yield` ends with its request, and for FastAPI background
tasks belong to the request. So the session of a request of 5 ms is open as
long as its mail takes, and no one who waits for the answer notices.

The cure has two halves. SessionDep has scope="function", so it is closed
before the answer is sent. And the task leaves it alone: a closed session that
is asked once more borrows anew, and nobody closes it again.
"""

from app.lesson import Cure, Lesson, LongHold, Scenario, Trap
from app.lessons.background_task import after, before

lesson = Lesson(
    name="background_task",
    title="A connection kept until the background task ends",
    story="Confirmations are answered within milliseconds, says the load"
    " balancer. Still, whenever the mail server is slow, the shop runs"
    " out of connections. There is no slow request to be found"
    " anywhere.",
    mistake="a background task that works with the request's session",
    cure='`scope="function"`, and a session of the task\'s own, no longer than'
    " its question",
    heals_by="exit",
    source="WrzDJ#505; statgpt-backend#216: pool of 20 + 10 exhausted",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold(
            "mails under way",
            "/orders/1/confirmation",
            status=202,
            method="POST",
        ),
        Scenario(
            "mails that are out",
            "/orders/1/confirmation",
            status=202,
            method="POST",
        ),
        Scenario(
            "an unknown order",
            "/orders/2147483647/confirmation",
            status=404,
            method="POST",
        ),
    ),
    trap=Trap(
        "a short statement_timeout",
        "it ends statements that run; here none does, the session waits for"
        " the mail, idle in its transaction",
        settings={"STATEMENT_TIMEOUT": "1"},
    ),
    other_cure=Cure(
        "a block that reads for the task",
        "it gives back before the answer is sent, and the task borrows"
        " nothing",
    ),
    hints=(
        (
            "Keep the mail server silent (`PUT /lab/provider`) and confirm"
            " an order: the answer is there at once. Now look at"
            " `/poolwatch/loans`: whose loan is open still, and what does its"
            " connection do?"
        ),
        (
            "For FastAPI a background task belongs to its request, and a"
            " dependency with `yield` ends after it, unless it says"
            " otherwise. So the session is open for as long as the mail"
            " takes. And a session that was closed before borrows anew when"
            " the task asks it something."
        ),
        (
            "Two halves: in the handler `SessionDep`, which has"
            ' `scope="function"` and is closed before the answer is sent; in'
            " the task a session of its own, `async with"
            " AsyncSession(database.reader)`, round its question and not"
            " round the mail."
        ),
    ),
)
