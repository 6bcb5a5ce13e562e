"""Lesson auth_dependency: a handler holds what it never asked for.

The handler names no session and no database. It depends on the one who signs
guests in, and that one on a session, which FastAPI closes when the handler
has ended, at the earliest: scope="function" is no cure where the handler
itself is slow. Signing in takes 1 ms; then the connection waits for offers.
"""

from app.lesson import Cure, Lesson, LongHold, Scenario, Trap
from app.lessons.auth_dependency import after, before

lesson = Lesson(
    name="auth_dependency",
    title="A connection that signs in, and stays for the whole request",
    story="Offers for guests come from an advisor who takes his time."
    " Whenever he is slow, the pool is empty. The handler has no"
    " database in it at all, so the team says it cannot be theirs.",
    mistake="an authentication dependency that depends on a session",
    cure="a session of its own, closed before the dependency returns",
    heals_by="exit",
    source="mem0#6236: a query of 1 ms, pinned for 20 to 40 s",
    before=before.router,
    after=after.router,
    scenarios=(
        LongHold(
            "guests wait for offers",
            "/guests/offers?order=1&customer=Dana%20Fuchs",
        ),
        Scenario("offers", "/guests/offers?order=1&customer=Dana%20Fuchs"),
        Scenario(
            "a stranger",
            "/guests/offers?order=1&customer=Nobody",
            status=403,
        ),
    ),
    trap=Trap(
        "pool_recycle",
        "a pool replaces what is old when it lends it; what is lent already"
        " stays lent, however old",
        settings={"POOL_RECYCLE": "1"},
    ),
    other_cure=Cure(
        "a commit() as soon as it has read",
        "a commit ends the transaction, and with it the loan, before the"
        " handler begins",
    ),
    hints=(
        (
            "Keep the advisor silent (`PUT /lab/provider`), ask for offers a"
            " few times, and read in `/poolwatch/loans` which function has"
            " borrowed, and for which route."
        ),
        (
            "FastAPI closes what a dependency was handed when the handler"
            " has ended, at the earliest. So what was asked for a"
            " millisecond, to sign in, is lent until the slowest thing in the"
            " handler is over."
        ),
        (
            "Let `sign_in` open a session of its own in `async with"
            " AsyncSession(database.reader)`, and return when it is closed."
            ' `scope="function"` does not help here: the function is what is'
            " slow."
        ),
    ),
)
