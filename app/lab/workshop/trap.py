"""What people do instead of the cure, as a question with one answer.

None of these remedies helps: of the card's own, `check --with-trap` shows it,
and of the others the reason is told. Which stand beside it, and in which
order, depends on the lesson alone.
"""

import random
from dataclasses import dataclass

from app.lesson import Lesson, Trap

QUESTION = "Which of these would have cured it as well?"
NONE = "none of these"
OTHERS = 3
"""Remedies that stand beside the card's own."""


@dataclass(frozen=True, slots=True)
class Option:
    """One answer, whether it is right, and why."""

    what: str
    why: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Remedy:
    """A popular one; `trap` is the card's name for the like, if it has one."""

    what: str
    why: str
    like: str = ""


REMEDIES = (
    Remedy(
        "a larger pool",
        "It takes as many more requests until that is lent out too, and the"
        " server has to bear its connections meanwhile.",
        like="POOL_BUFFER",
    ),
    Remedy(
        "a longer pool timeout",
        "Whoever waits, waits for longer; nothing comes back the sooner.",
        like="POOL_TIMEOUT",
    ),
    Remedy(
        "a restart every night",
        "It frees what the day has taken. The next morning begins to take it"
        " again, and under load a pool does not last a minute.",
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
    ),
    Remedy(
        "max_overflow=-1, a pool without a limit",
        "Then the pool never says no, and the server has to: at its"
        " max_connections, to every other service as well.",
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


def options(lesson: Lesson) -> tuple[Option, ...]:
    """Answer what to choose from, always in the same order."""
    draw = random.Random(lesson.name)  # noqa: S311 - the same each time
    others = [
        remedy
        for remedy in REMEDIES
        if remedy.like not in lesson.trap.settings
    ]
    chosen = [
        Option(each.what, each.why) for each in draw.sample(others, OTHERS)
    ]
    chosen.append(_own(lesson.trap))
    draw.shuffle(chosen)
    why = f"The cure is {lesson.cure}."
    return (*chosen, Option(NONE, why, right=True))


def _own(trap: Trap) -> Option:
    return Option(trap.what, f"{trap.why[0].upper()}{trap.why[1:]}.")
