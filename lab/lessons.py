"""The command `lessons`: the table of contents, from the cards."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from app.api import LESSONS, folder
from app.lesson import HEALS, Lesson

HEADINGS = ("lesson", "the mistake", "the cure", "what gives it back")


def lessons(
    *,
    as_markdown: Annotated[
        bool,
        typer.Option("--markdown", help="Print what the README has."),
    ] = False,
) -> None:
    """List the lessons: each mistake, its fix, and what heals it."""
    if as_markdown:
        print(table())
    else:
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
    """Lay the cards out in Markdown, a line each."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *map(_row, LESSONS)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(lesson: Lesson) -> tuple[str, ...]:
    return (
        f"[`{lesson.name}`]({folder(lesson)})",
        lesson.mistake,
        lesson.cure,
        HEALS[lesson.heals_by],
    )
