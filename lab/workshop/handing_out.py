"""Hand out an exercise and serve it, as `start` and `next` do."""

import os

import typer

from app.cli.run import say
from app.control.exercise_file import file_of
from app.lesson import Lesson
from lab.serve import serve
from lab.workshop import exercise, progress, show
from lab.workshop.choice import show_it
from lab.workshop.port_owner import port_owner
from lab.workshop.show import COMMAND


def hand_out(lesson: Lesson, port: int) -> None:
    """Make the file if it is missing, and print what to do with it."""
    is_new = exercise.start(lesson)
    with progress.changed(say) as done:
        done.last = lesson.name
    show_it(show.handed_out(lesson, port))
    if not is_new:
        say(
            f"{file_of(lesson)} exists, and was not changed;"
            f" {COMMAND} reset {lesson.name} replaces it"
        )


def serve_it(lesson: Lesson, port: int) -> None:
    """Run the service until Ctrl-C, unless one serves the file already."""
    match port_owner(lesson, port):
        case "none":
            os.environ["LAB_ENABLED"] = "true"
            serve(host="127.0.0.1", port=port, workers=1)
        case "this folder's service":
            say(f"the service at 127.0.0.1:{port} serves the file already")
        case "another program":
            say(
                f"error: another program listens on 127.0.0.1:{port}:"
                " stop it, or choose another --port"
            )
            raise typer.Exit(2)
