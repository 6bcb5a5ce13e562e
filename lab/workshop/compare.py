"""Whether a file responds, and writes, what *after* does."""

from http import HTTPStatus

from lab.load.request import Answer
from lab.workshop.result import Flaw
from lab.workshop.writes import Rows

MOST_SHOWN = 120
"""Characters of a body or a row."""
READ_TOO_LATE = (
    "MissingGreenlet",
    "DetachedInstanceError",
    "InvalidRequestError",
)
"""What SQLAlchemy raises where an object is read after its session closed."""


def compare_answers(got: Answer, wanted: Answer, error: str) -> Flaw | None:
    """Compare two responses.

    Args:
        got: the response of the trainee's file.
        wanted: the response of *after*.
        error: what the service's log says of a 500.

    """
    if (got.status, got.content_type, got.content) == (
        wanted.status,
        wanted.content_type,
        wanted.content,
    ):
        return None
    what = f"responded {got.status}, expected {wanted.status}"
    if got.status == wanted.status:
        what = f"responded {_short(got.body)}, expected {_short(wanted.body)}"
    return Flaw("responds differently", what, _why(got, wanted, error))


def _why(got: Answer, wanted: Answer, error: str) -> str:
    failing = HTTPStatus.BAD_REQUEST
    if got.status < failing <= wanted.status:
        return (
            "The error is swallowed: clients are told that all is well. Let"
            " the error pass, and close on every exit path."
        )
    if any(name in error for name in READ_TOO_LATE):
        return (
            "It fails: after a commit, an attribute is read from the database"
            " again, and its session is already closed. Read it before."
        )
    if got.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        first_line = error.partition("\n")[0]
        return f"It fails: {first_line or 'the log does not say why.'}"
    return "Clients must not notice the fix: the response must not change."


def compare_rows(got: Rows, wanted: Rows) -> Flaw | None:
    """Compare the rows that two requests wrote."""
    if got == wanted:
        return None
    lost = [row for row in wanted if row not in got]
    added = [row for row in got if row not in wanted]
    if lost and not got:
        why = (
            "The response promises what is not stored: without commit(),"
            " closing a session rolls back."
        )
    elif not wanted:
        why = (
            "After an error the data must be unchanged, and this commits what"
            " was begun. Roll back, or just close: closing rolls back."
        )
    else:
        why = "What is stored is not what *after* stores."
    what = "; ".join(
        f"{word} {_short(row)}"
        for word, rows in (("lost", lost), ("wrote", added))
        for row in rows[:1]
    )
    return Flaw("loses data", what, why)


def _short(text: str) -> str:
    if len(text) <= MOST_SHOWN:
        return text or "nothing"
    return f"{text[:MOST_SHOWN]}…"
