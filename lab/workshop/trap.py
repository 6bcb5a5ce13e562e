"""Which remedy would have cured it as well, as a question with one answer.

It is the card's other cure, which a test of the check proves. None of the
others helps: of the card's own trap, `check --with-trap` shows it, and of the
popular ones the reason is told. Which of them there are, and in which order
all stand, depends on the lesson alone.
"""

import random
from dataclasses import dataclass

from app.lesson import Lesson

QUESTION = "Which of these would have cured it as well?"


@dataclass(frozen=True, slots=True)
class Option:
    """One answer, whether it is right, and why."""

    what: str
    why: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Remedy:
    """A popular one that does not help.

    `like` is the setting of a card's trap that is the same remedy. `not_of`
    names the lessons whose fault it would hide, or which the reason misses.
    """

    what: str
    why: str
    like: str = ""
    not_of: tuple[str, ...] = ()


OPERATION = (
    Remedy(
        "a larger pool",
        "It takes as many more requests until that is lent out too, and the"
        " server has to bear its connections meanwhile.",
        like="POOL_BUFFER",
        not_of=("engine_per_request",),
    ),
    Remedy(
        "a longer pool timeout",
        "Whoever waits, waits for longer; nothing comes back the sooner.",
        like="POOL_TIMEOUT",
        not_of=("engine_per_request",),
    ),
    Remedy(
        "a restart every night",
        "It frees what the day has taken. The next morning begins to take it"
        " again, and under load a pool can be empty within a minute.",
    ),
    Remedy(
        "pool_recycle",
        "A pool looks at a connection's age when it lends it. What is lent"
        " already is looked at by nobody.",
        like="POOL_RECYCLE",
    ),
    Remedy(
        "pool_pre_ping",
        "It asks whether a connection is alive before it lends it. These are"
        " alive; they are with somebody else.",
        not_of=("engine_per_request",),
    ),
    Remedy(
        "max_overflow=-1, a pool without a limit",
        "Then the pool never says no, and the server has to: at its"
        " max_connections, to every other service as well.",
        not_of=("nested_session", "sync_in_async", "threadpool_lock"),
    ),
    Remedy(
        "a higher max_connections",
        "The pool's own limit comes first; and where it does not, the server"
        " is full a little later.",
    ),
    Remedy(
        "more workers",
        "Each has pools of its own, and does to them what the first one did.",
    ),
)
"""What is done around the code."""
CODE = (
    Remedy(
        "a del before the return",
        "It takes away a name, as the return does. Neither gives back what"
        " was lent.",
    ),
    Remedy(
        "a try that logs whatever goes wrong",
        "Then the log knows of the error. The connection stays where it is.",
    ),
    Remedy(
        "a flush() before the return",
        "It sends what has not been sent yet. The transaction stays open, and"
        " its connection lent.",
        not_of=("analytics", "engine_per_request"),
    ),
    Remedy(
        "engine.dispose() at the shutdown",
        "It comes when the service ends, which is long after the pool was"
        " empty.",
        not_of=("analytics", "engine_per_request", "row_lock"),
    ),
    Remedy(
        "a rollback() after each error",
        "What goes well is lent a connection too, and meets no error.",
        not_of=("analytics", "engine_per_request", "row_lock"),
    ),
    Remedy(
        "an index that makes the query quick",
        "The query takes a millisecond as it is. What counts is how long its"
        " connection stays lent afterwards.",
        not_of=("engine_per_request",),
    ),
)
"""What is done to it, as the cure is."""


def options(lesson: Lesson) -> tuple[Option, ...]:
    """Answer what to choose from, always in the same order."""
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
