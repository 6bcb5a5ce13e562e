"""The command `lessons`: the table of contents, from the cards."""

import typer
from rich.console import Console
from rich.markdown import Markdown

from app.api import LESSONS, folder
from app.lesson import HEALS, Lesson

HEADINGS = ("lesson", "the mistake", "the cure", "what returns the connection")


def lessons() -> None:
    """List the lessons: mistake, cure, and what returns the connection."""
    Console().print(Markdown(table()))


def named(names: list[str] | None) -> list[Lesson]:
    """Look up the lessons that a command was given by name."""
    found = [lesson for lesson in LESSONS if lesson.name in (names or ())]
    unknown = set(names or ()) - {lesson.name for lesson in found}
    if unknown:
        known = ", ".join(lesson.name for lesson in LESSONS)
        message = f"no lesson {', '.join(sorted(unknown))}; there are {known}"
        raise typer.BadParameter(message)
    return found


def table() -> str:
    """Make a Markdown table of the cards, as the README has it."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *map(_row, LESSONS)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(lesson: Lesson) -> tuple[str, ...]:
    return (
        f"[`{lesson.name}`]({folder(lesson)})",
        lesson.mistake,
        lesson.cure,
        HEALS[lesson.heals_by],
    )
