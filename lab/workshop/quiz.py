"""Which other fix works as well: a question with one right answer.

The right answer is the card's alternative cure; a test proves that it works.
The wrong answers are the card's trap, which `check --with-trap` shows to fail,
and popular remedies, each with its reason. The choice and the order depend on
the lesson alone.
"""

import random
from dataclasses import dataclass

from app.lesson import Lesson

QUESTION = "Which of these would have fixed the leak as well?"


@dataclass(frozen=True, slots=True)
class Option:
    """One answer, whether it is right, and why."""

    what: str
    why: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Remedy:
    """A popular remedy that does not help.

    `like` is the setting of a card's trap that is the same remedy. `not_of`
    names lessons for which the reason does not hold.
    """

    what: str
    why: str
    like: str = ""
    not_of: tuple[str, ...] = ()


OPERATION = (
    Remedy(
        "a larger pool",
        "It takes more requests until that pool is exhausted too, and the"
        " server must carry more connections until then.",
        like="POOL_BUFFER",
        not_of=("engine_per_request",),
    ),
    Remedy(
        "a longer pool timeout",
        "Requests wait longer before they fail. No connection returns sooner.",
        like="POOL_TIMEOUT",
        not_of=("engine_per_request",),
    ),
    Remedy(
        "a restart every night",
        "It frees what leaked during the day. The next morning the leak begins"
        " again, and under load a pool can be exhausted within a minute.",
    ),
    Remedy(
        "pool_recycle",
        "A pool checks a connection's age at checkout. A connection that is"
        " checked out already is not checked again.",
        like="POOL_RECYCLE",
    ),
    Remedy(
        "pool_pre_ping",
        "It tests at checkout whether a connection is alive. These connections"
        " are alive; they are checked out.",
        not_of=("engine_per_request",),
    ),
    Remedy(
        "max_overflow=-1, a pool without a limit",
        "Then the server's max_connections is the limit, and every other"
        " service reaches it as well.",
        not_of=("nested_session", "sync_in_async", "threadpool_lock"),
    ),
    Remedy(
        "a higher max_connections",
        "The pool's own limit comes first. Where it does not, the server is"
        " full a little later.",
    ),
    Remedy(
        "more workers",
        "Each worker has its own pools, and exhausts them in the same way.",
    ),
)
"""Remedies around the code."""
CODE = (
    Remedy(
        "a del before the return",
        "It removes a name, as the return does. Neither returns the"
        " connection.",
    ),
    Remedy(
        "a try that logs every exception it catches",
        "Then the error is in the log. The connection stays checked out.",
    ),
    Remedy(
        "a flush() before the return",
        "It sends pending statements. The transaction stays open, and keeps"
        " its connection.",
        not_of=("analytics", "engine_per_request"),
    ),
    Remedy(
        "engine.dispose() at the shutdown",
        "The service ends long after its pool was exhausted.",
        not_of=("analytics", "engine_per_request", "row_lock"),
    ),
    Remedy(
        "a rollback() after each error",
        "Requests that succeed check out a connection too, and raise no"
        " error.",
        not_of=("analytics", "engine_per_request", "row_lock"),
    ),
    Remedy(
        "an index that makes the query fast",
        "The query takes a millisecond already. What counts is how long the"
        " connection stays checked out after it.",
        not_of=("engine_per_request",),
    ),
)
"""Remedies in the code, as the cure is."""


def options(lesson: Lesson) -> tuple[Option, ...]:
    """Return the options of a lesson, always in the same order."""
    draw = random.Random(lesson.cure)  # noqa: S311 - the same each time
    others = [
        *draw.sample(_wrong(OPERATION, lesson), 1),
        *draw.sample(_wrong(CODE, lesson), 2),
    ]
    chosen = [Option(each.what, each.why) for each in others]
    chosen.append(Option(lesson.trap.what, _sentence(lesson.trap.why)))
    cure = lesson.alternative_cure
    why = f"{_sentence(cure.why)} What *after* does: {lesson.cure}."
    chosen.append(Option(cure.what, why, right=True))
    draw.shuffle(chosen)
    return tuple(chosen)


def _wrong(remedies: tuple[Remedy, ...], lesson: Lesson) -> list[Remedy]:
    return [
        each
        for each in remedies
        if each.like not in lesson.trap.settings
        and lesson.name not in each.not_of
    ]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
