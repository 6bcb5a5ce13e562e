"""How far a trainee has come, kept in `workshop/progress.json`."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from pydantic import BaseModel, NonNegativeInt, ValidationError

from app.control.exercise_file import FOLDER
from app.replace_file import replace_file
from lab.workshop import score

FILE = FOLDER / "progress.json"


class LessonProgress(BaseModel):
    """What was done in one lesson; points are None where they are open."""

    wrong_lines: NonNegativeInt = 0
    wrong_answers: NonNegativeInt = 0
    hints: NonNegativeInt = 0
    solution_seen: bool = False
    found: NonNegativeInt | None = None
    fixed: NonNegativeInt | None = None
    trap: NonNegativeInt | None = None
    fixed_on: dt.date | None = None

    def name_line(self, *, right: bool) -> None:
        """Count a line that was named, until the right one was."""
        if self.found is None and right:
            self.found = score.for_finding(
                self.wrong_lines, solution_seen=self.solution_seen
            )
        elif self.found is None:
            self.wrong_lines += 1

    def answer(self, *, right: bool) -> None:
        """Count an answer to the trap's question, until the right one."""
        if self.trap is None and right:
            self.trap = score.for_the_trap(self.wrong_answers)
        elif self.trap is None:
            self.wrong_answers += 1

    def fix(self, today: dt.date) -> None:
        """Count the fix, once."""
        if self.fixed is None:
            self.fixed = score.for_fixing(solution_seen=self.solution_seen)
            self.fixed_on = today

    @property
    def points(self) -> int:
        """What it comes to."""
        earned = (self.found or 0) + (self.fixed or 0) + (self.trap or 0)
        return max(0, earned - score.HINT * self.hints)


class Progress(BaseModel):
    """All of it, by lesson."""

    last: str | None = None
    """The lesson that was started last."""
    lessons: dict[str, LessonProgress] = {}

    def of(self, lesson: str) -> LessonProgress:
        """What was done in a lesson; it begins with nothing."""
        return self.lessons.setdefault(lesson, LessonProgress())

    @property
    def points(self) -> int:
        """What all lessons come to."""
        return sum(each.points for each in self.lessons.values())


def read(warn: Callable[[str], None]) -> Progress:
    """Read what is kept; a file that cannot be read is put aside."""
    try:
        return Progress.model_validate_json(FILE.read_bytes())
    except FileNotFoundError:
        return Progress()
    except ValidationError:
        aside = put_aside("broken")
        warn(f"{FILE} is broken. It is kept as {aside}; points begin anew.")
        return Progress()


@contextmanager
def changed(warn: Callable[[str], None]) -> Iterator[Progress]:
    """Read it, and keep what the block makes of it."""
    progress = read(warn)
    yield progress
    FOLDER.mkdir(exist_ok=True)
    replace_file(FILE, progress.model_dump_json(indent=2))


def put_aside(why: str) -> Path:
    """Keep the file under another name, and begin anew."""
    names = (f"{FILE.name}.{why}{number or ''}" for number in count())
    aside = next(
        path for name in names if not (path := FOLDER / name).exists()
    )
    return FILE.rename(aside)
