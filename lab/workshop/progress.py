"""A trainee's progress, kept in `workshop/progress.json`."""

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
    """Progress in one lesson; points are None where they are still open."""

    wrong_lines: NonNegativeInt = 0
    wrong_answers: NonNegativeInt = 0
    hints: NonNegativeInt = 0
    solution_seen: bool = False
    found: NonNegativeInt | None = None
    fixed: NonNegativeInt | None = None
    quiz: NonNegativeInt | None = None
    fixed_on: dt.date | None = None

    def name_line(self, *, right: bool) -> None:
        """Count a guess, until the right line was named."""
        if self.found is None and right:
            self.found = score.for_finding(
                self.wrong_lines, solution_seen=self.solution_seen
            )
        elif self.found is None:
            self.wrong_lines += 1

    def answer(self, *, right: bool) -> None:
        """Count an answer to the quiz, until the right one."""
        if self.quiz is None and right:
            self.quiz = score.for_the_quiz(self.wrong_answers)
        elif self.quiz is None:
            self.wrong_answers += 1

    def fix(self, today: dt.date) -> None:
        """Count the fix, once."""
        if self.fixed is None:
            self.fixed = score.for_fixing(solution_seen=self.solution_seen)
            self.fixed_on = today

    @property
    def points(self) -> int:
        """The points of this lesson, less its hints."""
        earned = (self.found or 0) + (self.fixed or 0) + (self.quiz or 0)
        return max(0, earned - score.HINT * self.hints)


class Progress(BaseModel):
    """The progress in all lessons."""

    last: str | None = None
    """The lesson that was started last."""
    lessons: dict[str, LessonProgress] = {}

    def of(self, lesson: str) -> LessonProgress:
        """The progress in one lesson; empty at first."""
        return self.lessons.setdefault(lesson, LessonProgress())

    @property
    def points(self) -> int:
        """The points of all lessons."""
        return sum(each.points for each in self.lessons.values())


def read(warn: Callable[[str], None]) -> Progress:
    """Read the file; one that cannot be read is renamed and kept."""
    try:
        return Progress.model_validate_json(FILE.read_bytes())
    except FileNotFoundError:
        return Progress()
    except ValidationError:
        aside = put_aside("broken")
        warn(f"{FILE} cannot be read. It is kept as {aside}; points restart.")
        return Progress()


@contextmanager
def changed(warn: Callable[[str], None]) -> Iterator[Progress]:
    """Read the progress, and store it when the block ends."""
    progress = read(warn)
    yield progress
    FOLDER.mkdir(exist_ok=True)
    replace_file(FILE, progress.model_dump_json(indent=2))


def put_aside(why: str) -> Path:
    """Rename the file, so that a new one can be made."""
    names = (f"{FILE.name}.{why}{number or ''}" for number in count())
    aside = next(
        path for name in names if not (path := FOLDER / name).exists()
    )
    return FILE.rename(aside)
