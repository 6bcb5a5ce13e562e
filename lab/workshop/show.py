"""What the workshop's commands print."""

from collections.abc import Iterator, Sequence
from difflib import unified_diff

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from app.control.exercise_file import file_of
from app.invocation import LAB, PYTHON
from app.lesson import Lesson
from lab.workshop.curl import lines_for
from lab.workshop.exercise import solution_of
from lab.workshop.progress import LessonProgress, Progress
from lab.workshop.quiz import QUESTION, Option
from lab.workshop.result import CheckResult
from lab.workshop.score import LESSON

COMMAND = f"{LAB} workshop"


def overview(lessons: Sequence[Lesson], progress: Progress) -> RenderableType:
    """Lay out the lessons, the progress in each, and what to type next."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("lesson", "found", "fixed", "quiz", "hints"):
        table.add_column(heading)
    table.add_column("points", justify="right")
    for lesson in lessons:
        done = progress.lessons.get(lesson.name, LessonProgress())
        table.add_row(
            lesson.name,
            *map(_tick, (done.found, done.fixed, done.quiz)),
            str(done.hints or ""),
            str(done.points if done != LessonProgress() else ""),
        )
    points = f"{progress.points} of {LESSON * len(lessons)} points"
    return Group(table, f"{points}. Next: {_next(lessons, progress)}")


def _tick(points: int | None) -> str:
    return "" if points is None else "✓"


def _next(lessons: Sequence[Lesson], progress: Progress) -> str:
    """The next command to type."""
    last = progress.last
    if last and any(each.name == last for each in lessons):
        done = progress.of(last)
        if done.found is None and done.fixed is None:
            return f"{COMMAND} find {last} LINE"
        if done.fixed is None:
            return f"{COMMAND} check {last} --watch"
        if done.quiz is None:
            return f"{COMMAND} quiz {last}"
    if all(progress.of(each.name).fixed_on for each in lessons):
        return f"{COMMAND} summary"
    return f"{COMMAND} next"


def handed_out(lesson: Lesson, port: int) -> RenderableType:
    """Print the story, and what to do with the file."""
    name, file = lesson.name, file_of(lesson)
    story = [Text(f"{lesson.story}\n")] if lesson.story else []
    return Group(
        Text(f"{name}\n", style="bold"),
        *story,
        Text("In another terminal, send the requests that show the fault:\n"),
        Text(
            "\n".join(lines_for(lesson, port)),
            style="cyan",
            no_wrap=True,  # a broken line cannot be pasted
            overflow="ignore",
        ),
        Text(
            "\nSee which line holds connections (TOKEN is the lab's token):\n"
        ),
        Text(
            f"{PYTHON} -m poolwatch top --once 127.0.0.1:{port}"
            ' --token "$TOKEN"\n',
            style="cyan",
            no_wrap=True,
            overflow="ignore",
        ),
        Text(f"Then {COMMAND} …\n"),
        *_steps(
            (f"find {name} LINE", f"which line of {file} is it?"),
            (f"hint {name}", "a hint, if you need one"),
            (f"check {name} --watch", f"fix {file}, and save it"),
            (f"quiz {name}", "which other fix works as well?"),
        ),
    )


def _steps(*steps: tuple[str, str]) -> Iterator[Text]:
    width = max(len(command) for command, _ in steps)
    for command, what in steps:
        yield Text.assemble(("  " + command.ljust(width + 2), "cyan"), what)


def check_result(found: CheckResult) -> RenderableType:
    """Lay out the steps of a check; each reason is printed once."""
    solved = "solved" if found.solved else "not yet"
    tree = Tree(Text.assemble((found.lesson, "bold"), f": {solved}"))
    for result in found.results:
        flaw = result.flaw
        if flaw is None:
            tree.add(Text(f"✓ {result.name}", style="green"))
            continue
        leaf = tree.add(Text(f"✗ {result.name}: {flaw.what}", style="red"))
        for site, loans in flaw.sites.items():
            leaf.add(Text(f"{loans} × {site}"))
    reasons = dict.fromkeys(flaw.why for flaw in found.flaws)
    return Group(tree, *(Text(why) for why in reasons))


def question(options: Sequence[Option]) -> RenderableType:
    """Print the question and its numbered options."""
    return Group(
        Text(QUESTION),
        *(
            Text(f"  {number}  {option.what}")
            for number, option in enumerate(options, start=1)
        ),
    )


def answers(options: Sequence[Option]) -> RenderableType:
    """Print why each option works or does not."""
    table = Table(show_header=False, box=None)
    for option in options:
        mark = "✓" if option.right else "✗"
        table.add_row(mark, Text(option.what), Text(option.why))
    return table


def solution(lesson: Lesson) -> RenderableType:
    """The diff from the trainee's file to *after*."""
    file = file_of(lesson)
    text = file.read_text()
    diff = "".join(
        unified_diff(
            text.splitlines(keepends=True),
            solution_of(lesson).splitlines(keepends=True),
            str(file),
            "solution",
        )
    )
    return Syntax(diff, "diff", background_color="default")
