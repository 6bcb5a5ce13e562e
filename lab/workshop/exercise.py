"""The trainee's file: a copy of *before* that does not say where it leaks."""

import re
from dataclasses import dataclass
from inspect import getfile
from itertools import count
from pathlib import Path

from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute

from app.control.exercise_file import FOLDER, file_of
from app.lesson import Lesson

_MARK = re.compile(r"\s*# LEAK \S+: (.*)")
_FIRST_LINE = re.compile(r'\A"""[^\n]*')


@dataclass(frozen=True, slots=True)
class Leak:
    """A line of the copy that checks out a connection and leaks it."""

    line: int
    cause: str


@dataclass(frozen=True, slots=True)
class Exercise:
    """The copy as it is handed out, and its lines that leak."""

    text: str
    leaks: tuple[Leak, ...]


def exercise_of(lesson: Lesson) -> Exercise:
    """Make the copy, without the LEAK comments."""
    lines: list[str] = []
    leaks: list[Leak] = []
    for line in _source(lesson.before).split("\n"):
        if mark := _MARK.fullmatch(line):
            leaks.append(Leak(len(lines) + 1, mark[1]))
        else:
            lines.append(line)
    return Exercise(_headed(lesson, "\n".join(lines)), tuple(leaks))


def solution_of(lesson: Lesson) -> str:
    """*After*, with its FIX comments."""
    return _headed(lesson, _source(lesson.after))


def start(lesson: Lesson) -> bool:
    """Write the exercise; return False where the file exists already."""
    FOLDER.mkdir(exist_ok=True)
    try:
        with file_of(lesson).open("x") as file:
            file.write(exercise_of(lesson).text)
    except FileExistsError:
        return False
    return True


def put_back(lesson: Lesson) -> Path | None:
    """Write it again; return where the old file is kept, if there was one."""
    file = file_of(lesson)
    kept = None
    if file.exists():
        names = (f"{file.name}.bak{number or ''}" for number in count())
        kept = next(
            path for name in names if not (path := FOLDER / name).exists()
        )
        file.rename(kept)
    start(lesson)
    return kept


def _source(router: APIRouter) -> str:
    [file] = {
        getfile(route.endpoint)
        for route in router.routes
        if isinstance(route, APIRoute | APIWebSocketRoute)
    }
    return Path(file).read_text()


def _headed(lesson: Lesson, text: str) -> str:
    # The docstring of a variant gives the answer away.
    return _FIRST_LINE.sub(f'"""Exercise {lesson.name}."""', text, count=1)
