"""The command `workshop`: find the line, fix it, and check the fix."""

import asyncio
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.api import LESSONS
from app.cli.run import say
from app.cli.start import today
from app.control.exercise_file import file_of
from app.replace_file import replace_file
from lab.start import database
from lab.workshop import exercise, find_line, progress, score, show
from lab.workshop import summary as summing_up
from lab.workshop.check import checker
from lab.workshop.choice import (
    LessonArgument,
    LessonOrNone,
    must_be_there,
    show_it,
    started_last,
)
from lab.workshop.handing_out import hand_out, serve_it
from lab.workshop.quiz import options
from lab.workshop.show import COMMAND
from lab.workshop.watching import saved

SCORE = "\n\n".join(
    f"{what:16} {points:>3}  {less}" for what, points, less in score.RULES
)
workshop = typer.Typer(
    help="Learn by doing: find the line that leaks, fix it, and check the fix."
    "\n\nThe service runs your exercise with your"
    " rights, on 127.0.0.1 only.",
    epilog=f"Points of each lesson:\n\n{SCORE}",
    invoke_without_command=True,
)
Serve = Annotated[
    bool,
    typer.Option(
        "--serve/--no-serve", help="Run the service as well, until Ctrl-C."
    ),
]
Port = Annotated[
    int,
    typer.Option(min=1, max=65535, help="The service's port, on 127.0.0.1."),
]


@workshop.callback()
def overview(context: typer.Context) -> None:
    """List the lessons."""
    if context.invoked_subcommand is None:
        list_lessons()


@workshop.command("list")
def list_lessons() -> None:
    """List the lessons, your progress, and what to type next."""
    show_it(show.overview(LESSONS, progress.read(say)))


@workshop.command()
def start(
    lesson: LessonArgument, *, serve: Serve = True, port: Port = 8000
) -> None:
    """Copy a lesson to workshop/LESSON.py, and serve it.

    A file that exists is not changed.
    """
    hand_out(lesson, port)
    if serve:
        serve_it(lesson, port)


@workshop.command("next")
def start_next(*, serve: Serve = True, port: Port = 8000) -> None:
    """Start the next lesson that you have not solved."""
    done = progress.read(say)
    left = [each for each in LESSONS if not done.of(each.name).fixed_on]
    if not left:
        say(f"All lessons are solved: {COMMAND} summary")
        return
    start(left[0], serve=serve, port=port)


@workshop.command()
def find(
    lesson: LessonArgument,
    line: Annotated[int, typer.Argument(help="A line number of your file.")],
) -> None:
    """Name the line that checks out a connection and never returns it.

    Exit 0 if it is that line, 1 if not.
    """
    must_be_there(lesson)
    judged = find_line.judge_line(lesson, line)
    with progress.changed(say) as all_done:
        done = all_done.of(lesson.name)
        if judged.counts:
            done.name_line(right=judged.right)
    print(f"{judged.verdict.capitalize()}. {judged.why}")
    if judged.right:
        print(f"{done.found} points. Fix it, then: {COMMAND} check")
    raise typer.Exit(not judged.right)


@workshop.command()
def hint(lesson: LessonArgument) -> None:
    """Print one more hint each time; each costs 2 points."""
    with progress.changed(say) as all_done:
        done = all_done.of(lesson.name)
        if done.hints < len(lesson.hints):
            done.hints += 1
        else:
            say(f"There are no more hints: {COMMAND} solution {lesson.name}")
    for number, text in enumerate(lesson.hints[: done.hints], start=1):
        print(f"{number}. {text}")


@workshop.command()
def quiz(
    lesson: LessonArgument,
    answer: Annotated[
        int | None,
        typer.Option(min=1, help="Your answer; default: ask for it."),
    ] = None,
) -> None:
    """Choose which other fix works as well.

    Exit 0 if you are right, 1 if not.
    """
    asked = options(lesson)
    show_it(show.question(asked))
    number = answer or typer.prompt("Your answer", type=int)
    if not 1 <= number <= len(asked):
        message = f"{number} is not between 1 and {len(asked)}"
        raise typer.BadParameter(message)
    chosen = asked[number - 1]
    with progress.changed(say) as all_done:
        done = all_done.of(lesson.name)
        done.answer(right=chosen.right)
    if chosen.right:
        print(f"Right. {done.quiz} points.")
        show_it(show.answers(asked))
    else:
        print(f"Wrong: {chosen.what}. {chosen.why}")
    raise typer.Exit(not chosen.right)


@workshop.command()
def check(
    lesson: LessonOrNone = None,
    *,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Check again when the file is saved."),
    ] = False,
) -> None:
    """Send your file the requests that broke *before*, and report the flaws.

    Exit 0 if it is solved, 1 if not, 2 if it could not be checked.
    """
    lesson = lesson or started_last()
    must_be_there(lesson)
    file = file_of(lesson)
    solved = False
    with (
        suppress(KeyboardInterrupt) if watch else nullcontext(),
        database() as settings,
        Console(stderr=True).status("starting a service …") as status,
        checker(settings) as checks,
    ):
        for _ in saved(file) if watch else (None,):
            status.start()
            verdict = asyncio.run(checks.check(lesson, status.update))
            status.stop()
            show_it(show.check_result(verdict))
            solved = verdict.solved
            if solved:
                with progress.changed(say) as done:
                    done.of(lesson.name).fix(today())
                points = done.of(lesson.name).fixed
                say(f"{points} points. Next: {COMMAND} quiz {lesson.name}")
            if watch:
                say(f"save {file} to check again; Ctrl-C ends")
    raise typer.Exit(not solved)


@workshop.command()
def solution(
    lesson: LessonArgument,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask for confirmation.")
    ] = False,
) -> None:
    """Show the diff to *after*; the fix then gives no points."""
    must_be_there(lesson)
    if not progress.read(say).of(lesson.name).fixed_on:
        if not yes:
            question = "You have not solved it. Give up the points of the fix?"
            typer.confirm(question, abort=True)
        with progress.changed(say) as all_done:
            all_done.of(lesson.name).solution_seen = True
    show_it(show.solution(lesson))


@workshop.command()
def reset(
    lesson: LessonOrNone = None,
    *,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every lesson, and the progress."),
    ] = False,
) -> None:
    """Replace your file by a new copy; the old one is kept as .bak."""
    if (lesson is None) is not everything:
        message = "name a lesson, or pass --all"
        raise typer.BadParameter(message)
    started = [each for each in LESSONS if file_of(each).exists()]
    for each in [lesson] if lesson else started:
        file, kept = file_of(each), exercise.put_back(each)
        say(f"{file} is new" + (f"; the old file is {kept}" if kept else ""))
    if everything and progress.FILE.exists():
        say(f"progress restarts; the old file is {progress.put_aside('bak')}")


@workshop.command()
def summary(
    export: Annotated[
        Path | None, typer.Option(help="Write it to this file as well.")
    ] = None,
) -> None:
    """Print a summary: lessons, points, hints, and the date."""
    written = summing_up.summary(LESSONS, progress.read(say), today())
    print(written)
    if export:
        replace_file(export, written)
        say(f"written: {export}")
