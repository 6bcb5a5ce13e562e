"""An exercise is *before* without the LEAK comments."""

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
    """Return the syntax tree of a text, without its first docstring."""
    return "\n".join(map(ast.unparse, ast.parse(text).body[1:]))


def source(lesson: Lesson, variant: str) -> str:
    [file] = [
        file
        for file in Path(app.__file__).parent.rglob(f"{variant}.py")
        if file.parent.name == lesson.name
    ]
    return file.read_text()


@each_lesson
def test_it_does_not_reveal_the_line(lesson: Lesson) -> None:
    text = exercise_of(lesson).text

    assert "LEAK" not in text
    assert lesson.title not in text
    assert text.splitlines()[0] == f'"""Exercise {lesson.name}."""'


@each_lesson
def test_it_has_the_code_of_before(lesson: Lesson) -> None:
    assert code(exercise_of(lesson).text) == code(source(lesson, "before"))


@each_lesson
def test_the_solution_has_the_code_of_after(lesson: Lesson) -> None:
    assert code(solution_of(lesson)) == code(source(lesson, "after"))


@each_lesson
def test_every_mark_is_kept_with_its_line(lesson: Lesson) -> None:
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
def test_an_existing_file_is_not_overwritten() -> None:
    assert start(orders.lesson)
    file_of(orders.lesson).write_text("mine")

    assert not start(orders.lesson)

    assert file_of(orders.lesson).read_text() == "mine"


def test_a_reset_keeps_every_old_file(folder: Path) -> None:
    start(orders.lesson)
    for work in ("first", "second"):
        file_of(orders.lesson).write_text(work)
        put_back(orders.lesson)

    kept = sorted((folder / "workshop").glob("orders.py.bak*"))
    assert [file.read_text() for file in kept] == ["first", "second"]
    assert (
        file_of(orders.lesson).read_text() == exercise_of(orders.lesson).text
    )
