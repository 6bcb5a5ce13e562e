"""Whether a file answers, and writes, what *after* does."""

from http import HTTPStatus

from lab.check.sending import Answer
from lab.workshop.verdict import Finding
from lab.workshop.written import Rows

MOST_SHOWN = 120
"""Characters of a body or a row."""
UNREADABLE = (
    "MissingGreenlet",
    "DetachedInstanceError",
    "InvalidRequestError",
)
"""What SQLAlchemy raises where something is read too late."""


def compare_answers(got: Answer, wanted: Answer, error: str) -> Finding | None:
    """Hold one answer against the other.

    Args:
        got: what the file answers.
        wanted: what *after* answers.
        error: what the service's log says of a 500.

    """
    if (got.status, got.kind, got.told) == (
        wanted.status,
        wanted.kind,
        wanted.told,
    ):
        return None
    what = f"answered {got.status}, wanted {wanted.status}"
    if got.status == wanted.status:
        what = f"answered {_shortly(got.body)}, wanted {_shortly(wanted.body)}"
    return Finding("answers otherwise", what, _why(got, wanted, error))


def _why(got: Answer, wanted: Answer, error: str) -> str:
    failing = HTTPStatus.BAD_REQUEST
    if got.status < failing <= wanted.status:
        return (
            "The error is swallowed: callers are told that all is well. What"
            " closes on every way out lets the error pass."
        )
    if any(name in error for name in UNREADABLE):
        return (
            "It fails: after a commit, what is asked of an object is read from"
            " the database anew, and its session is closed already. Read it"
            " before."
        )
    if got.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        first_line = error.partition("\n")[0]
        return f"It fails: {first_line or 'the log says nothing.'}"
    return "Callers must not notice the fix: the answer has to stay as it was."


def compare_rows(got: Rows, wanted: Rows) -> Finding | None:
    """Hold the rows that were written against each other."""
    if got == wanted:
        return None
    lost = [row for row in wanted if row not in got]
    added = [row for row in got if row not in wanted]
    if lost and not got:
        why = (
            "What the answer promises is not stored: without commit(), to"
            " close a session is to roll back."
        )
    elif not wanted:
        why = (
            "An error has to leave the data as it was: this commits what was"
            " begun. Roll back, which is what closing does."
        )
    else:
        why = "What is stored is not what *after* stores."
    what = "; ".join(
        f"{word} {_shortly(row)}"
        for word, rows in (("lost", lost), ("wrote", added))
        for row in rows[:1]
    )
    return Finding("loses data", what, why)


def _shortly(text: str) -> str:
    if len(text) <= MOST_SHOWN:
        return text or "nothing"
    return f"{text[:MOST_SHOWN]}…"
