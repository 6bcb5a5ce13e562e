"""What a trainee takes home: lessons, points, hints, and the day."""

import datetime as dt
from collections.abc import Sequence

from app.lesson import Lesson
from lab.workshop.progress import Progress
from lab.workshop.score import LESSON

TITLE = "Connection-pool leaks: the workshop"


def summary(
    lessons: Sequence[Lesson], progress: Progress, today: dt.date
) -> str:
    """Write it, as plain text."""
    fixed = [each for each in lessons if progress.of(each.name).fixed_on]
    hints = sum(progress.of(each.name).hints for each in lessons)
    most = LESSON * len(lessons)
    sums = (
        f"{len(fixed)} of {len(lessons)} lessons solved,"
        f" {progress.points} of {most} points, {hints} hints used."
    )
    lines = [
        TITLE,
        "=" * len(TITLE),
        "",
        sums,
        "",
        *(_line(lesson, progress) for lesson in fixed),
    ]
    if len(fixed) == len(lessons):
        lines += ["", "All lessons are solved."]
    return "\n".join([*lines, "", f"{today:%d %B %Y}"])


def _line(lesson: Lesson, progress: Progress) -> str:
    done = progress.of(lesson.name)
    seen = ", solution shown" if done.solution_seen else ""
    return (
        f"{lesson.name:20} {done.points:3} points"
        f"  {done.fixed_on}  {lesson.title}{seen}"
    )
