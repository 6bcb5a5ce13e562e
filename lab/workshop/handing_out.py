"""Hand an exercise out, and serve it: what `start` and `next` do."""

import os

import typer

from app.cli.run import say
from app.control.exercise_file import file_of
from app.lesson import Lesson
from lab.serve import serve
from lab.workshop import exercise, progress, show
from lab.workshop.choice import show_it
from lab.workshop.served import who_serves
from lab.workshop.show import COMMAND


def hand_out(lesson: Lesson, port: int) -> None:
    """Make the file, unless it is there, and say what to do with it."""
    is_new = exercise.start(lesson)
    with progress.changed(say) as done:
        done.last = lesson.name
    show_it(show.handed_out(lesson, port))
    if not is_new:
        say(
            f"{file_of(lesson)} was there, and is as you left it;"
            f" {COMMAND} reset {lesson.name} hands it out anew"
        )


def serve_it(lesson: Lesson, port: int) -> None:
    """Run the service until Ctrl-C, unless one serves the file already."""
    match who_serves(lesson, port):
        case "nobody":
            os.environ["LAB_ENABLED"] = "true"
            serve(host="127.0.0.1", port=port, workers=1)
        case "this folder's service":
            say(f"it is served already, by the service at 127.0.0.1:{port}")
        case "somebody else":
            say(
                f"error: somebody else answers at 127.0.0.1:{port}:"
                " end that, or choose a --port"
            )
            raise typer.Exit(2)
