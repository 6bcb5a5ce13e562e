"""A summary to take home: lessons, points, hints, and the date."""

import datetime as dt
from collections.abc import Sequence
from textwrap import wrap

from app.lesson import Lesson
from lab.workshop.progress import Progress
from lab.workshop.score import LESSON

WIDTH = 60
"""Columns: it is read in a terminal, and pasted into mails."""
TITLE = "Connection-pool leaks: the workshop"


def summary(
    lessons: Sequence[Lesson], progress: Progress, today: dt.date
) -> str:
    """Write the summary as plain text."""
    fixed = [each for each in lessons if progress.of(each.name).fixed_on]
    hints = sum(progress.of(each.name).hints for each in lessons)
    most = LESSON * len(lessons)
    sums = (
        f"{len(fixed)} of {len(lessons)} lessons solved,"
        f" {progress.points} of {most} points, {hints} hints."
    )
    lines = [
        TITLE,
        "=" * len(TITLE),
        "",
        sums,
        "",
        *(line for lesson in fixed for line in _lines(lesson, progress)),
    ]
    if len(fixed) == len(lessons):
        lines += ["", "All lessons are solved."]
    return "\n".join([*lines, "", f"{today:%d %B %Y}"])


def _lines(lesson: Lesson, progress: Progress) -> list[str]:
    done = progress.of(lesson.name)
    seen = ", solution shown" if done.solution_seen else ""
    return [
        f"{lesson.name:20} {done.points:3} points  {done.fixed_on}{seen}",
        *wrap(
            lesson.title, WIDTH, initial_indent="  ", subsequent_indent="  "
        ),
    ]
