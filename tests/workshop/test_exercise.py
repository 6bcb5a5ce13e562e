"""What is handed out is *before*, and does not say where it leaks."""

import ast
from operator import attrgetter
from pathlib import Path

import pytest

import app
from app import orders
from app.api import LESSONS
from app.control.exercise_file import file_of
from app.lesson import Lesson
from lab.workshop.exercise import exercise_of, put_back, solution_of, start

each_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=attrgetter("name")
)


def code(text: str) -> str:
    """What Python sees of a text, its first docstring apart."""
    return "\n".join(map(ast.unparse, ast.parse(text).body[1:]))


def source(lesson: Lesson, variant: str) -> str:
    [file] = [
        file
        for file in Path(app.__file__).parent.rglob(f"{variant}.py")
        if file.parent.name == lesson.name
    ]
    return file.read_text()


@each_lesson
def test_nothing_gives_the_line_away(lesson: Lesson) -> None:
    text = exercise_of(lesson).text

    assert "LEAK" not in text
    assert lesson.title not in text
    assert text.splitlines()[0] == f'"""Exercise {lesson.name}."""'


@each_lesson
def test_python_sees_what_before_has(lesson: Lesson) -> None:
    assert code(exercise_of(lesson).text) == code(source(lesson, "before"))


@each_lesson
def test_the_solution_is_what_after_has(lesson: Lesson) -> None:
    assert code(solution_of(lesson)) == code(source(lesson, "after"))


@each_lesson
def test_every_mark_is_remembered_with_its_line(lesson: Lesson) -> None:
    before = source(lesson, "before").splitlines()
    exercise = exercise_of(lesson)

    marked = [
        before[number + 1]
        for number, line in enumerate(before)
        if "# LEAK" in line
    ]
    lines = exercise.text.splitlines()
    assert [lines[leak.line - 1] for leak in exercise.leaks] == marked != []


@pytest.mark.usefixtures("folder")
def test_work_that_is_there_is_not_overwritten() -> None:
    assert start(orders.lesson)
    file_of(orders.lesson).write_text("mine")

    assert not start(orders.lesson)

    assert file_of(orders.lesson).read_text() == "mine"


def test_what_is_put_back_keeps_every_old_file(folder: Path) -> None:
    start(orders.lesson)
    for work in ("first", "second"):
        file_of(orders.lesson).write_text(work)
        put_back(orders.lesson)

    kept = sorted((folder / "workshop").glob("orders.py.bak*"))
    assert [file.read_text() for file in kept] == ["first", "second"]
    assert (
        file_of(orders.lesson).read_text() == exercise_of(orders.lesson).text
    )
