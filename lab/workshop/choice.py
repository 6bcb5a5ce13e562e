"""What the workshop's commands share: which lesson, its file, how to print."""

from typing import Annotated

import typer
from rich.console import Console, RenderableType

from app.api import LESSONS
from app.cli.run import say
from app.control.exercise_file import file_of
from app.lesson import Lesson
from lab.workshop import progress
from lab.workshop.show import COMMAND

NAMES = {lesson.name: lesson for lesson in LESSONS}


def _lesson(name: str) -> Lesson:
    if name not in NAMES:
        message = f"no lesson {name}; there are {', '.join(NAMES)}"
        raise typer.BadParameter(message)
    return NAMES[name]


LessonArgument = Annotated[
    Lesson,
    typer.Argument(metavar="LESSON", parser=_lesson, help="Its name."),
]
LessonOrNone = Annotated[
    Lesson | None,
    typer.Argument(
        metavar="[LESSON]",
        parser=_lesson,
        help="Its name; the one started last if none is given.",
    ),
]


def must_be_there(lesson: Lesson) -> None:
    """Refuse where there is no file to work on."""
    if not file_of(lesson).exists():
        say(f"error: no {file_of(lesson)}: {COMMAND} start {lesson.name}")
        raise typer.Exit(2)


def started_last() -> Lesson:
    """The lesson that is meant where none is named."""
    last = NAMES.get(progress.read(say).last or "")
    if last is None:
        say(f"error: no lesson is started: {COMMAND} next")
        raise typer.Exit(2)
    return last


def show_it(what: RenderableType) -> None:
    """Print it; a line that does not wrap is whole all the same."""
    Console(highlight=False).print(what, crop=False)
