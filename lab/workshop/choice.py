"""Arguments that the workshop's commands share, and how they print."""

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
    typer.Argument(metavar="LESSON", parser=_lesson, help="A lesson's name."),
]
LessonOrNone = Annotated[
    Lesson | None,
    typer.Argument(
        metavar="[LESSON]",
        parser=_lesson,
        help="A lesson's name; default: the one started last.",
    ),
]


def must_be_there(lesson: Lesson) -> None:
    """Exit with 2 where the trainee's file does not exist."""
    if not file_of(lesson).exists():
        say(
            f"error: {file_of(lesson)} does not exist; run"
            f" {COMMAND} start {lesson.name}"
        )
        raise typer.Exit(2)


def started_last() -> Lesson:
    """The lesson that was started last."""
    last = NAMES.get(progress.read(say).last or "")
    if last is None:
        say(f"error: no lesson was started; run {COMMAND} next")
        raise typer.Exit(2)
    return last


def show_it(what: RenderableType) -> None:
    """Print without cutting lines that must not wrap."""
    Console(highlight=False).print(what, crop=False)
