"""A lesson's two files are twins: their diff is the lesson, and no more."""

import ast
import re
from difflib import ndiff
from inspect import getdoc, getsource
from operator import attrgetter
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

import app
from app.api import LESSONS
from app.lesson import Lesson

APP = Path(app.__file__).parent
MOST_CHANGED_LINES = 12

each_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=attrgetter("name")
)


def routes(router: APIRouter) -> list[APIRoute]:
    return [route for route in router.routes if isinstance(route, APIRoute)]


def sources(lesson: Lesson) -> tuple[str, str]:
    """The text of before.py and of after.py."""
    [before] = [
        file
        for file in APP.rglob("before.py")
        if file.parent.name == lesson.name
    ]
    return before.read_text(), before.with_name("after.py").read_text()


def changed(before: str, after: str) -> tuple[int, int]:
    """How many lines each side has that the other has not."""
    signs = [line[0] for line in ndiff(before.split("\n"), after.split("\n"))]
    return signs.count("-"), signs.count("+")


def changed_in_routes(lesson: Lesson) -> list[tuple[int, int]]:
    """The same, route by route."""
    return [
        changed(getsource(before.endpoint), getsource(after.endpoint))
        for before, after in zip(
            routes(lesson.before), routes(lesson.after), strict=True
        )
    ]


@each_lesson
@pytest.mark.parametrize(
    "what",
    [
        "path",
        "methods",
        "name",
        "status_code",
        "response_model",
        "responses",
        "endpoint.__name__",
        "endpoint.__doc__",
    ],
)
def test_routes_are_alike_and_in_the_same_order(
    lesson: Lesson, what: str
) -> None:
    before, after = (
        [attrgetter(what)(route) for route in routes(router)]
        for router in (lesson.before, lesson.after)
    )

    assert before == after != []


@each_lesson
@pytest.mark.parametrize("where", ["path", "query", "body"])
def test_routes_take_the_same_parameters(lesson: Lesson, where: str) -> None:
    before, after = (
        [
            {field.alias: field.field_info for field in fields(route)}
            for route in routes(router)
            for fields in [attrgetter(f"dependant.{where}_params")]
        ]
        for router in (lesson.before, lesson.after)
    )

    assert str(before) == str(after)


@each_lesson
def test_every_route_says_what_it_does(lesson: Lesson) -> None:
    assert all(getdoc(route.endpoint) for route in routes(lesson.after))


@each_lesson
def test_every_leak_has_its_fix(lesson: Lesson) -> None:
    before, after = sources(lesson)

    leaks = re.findall(r"# LEAK (\S+): \S", before)
    fixes = re.findall(r"# FIX (\S+): \S", after)

    assert leaks == fixes != []
    assert leaks == [
        f"{lesson.name}-{number}" for number in range(1, len(leaks) + 1)
    ]


@each_lesson
def test_no_side_has_the_marks_of_the_other(lesson: Lesson) -> None:
    before, after = sources(lesson)

    assert "# FIX" not in before
    assert "# LEAK" not in after


@each_lesson
def test_few_lines_of_a_route_are_changed(lesson: Lesson) -> None:
    for gone, new in changed_in_routes(lesson):
        assert 0 < max(gone, new) <= MOST_CHANGED_LINES


@each_lesson
def test_outside_the_routes_next_to_nothing_is_changed(
    lesson: Lesson,
) -> None:
    for whole, *inside in zip(
        changed(*sources(lesson)), *changed_in_routes(lesson), strict=True
    ):
        assert whole - sum(inside) <= 6


@each_lesson
def test_a_variant_imports_no_variant(lesson: Lesson) -> None:
    for source in sources(lesson):
        imported = {
            name
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.ImportFrom)
            for name in (
                *str(node.module).split("."),
                *(alias.name for alias in node.names),
            )
        }
        assert not imported & {"before", "after"}


@each_lesson
def test_both_files_begin_with_the_lesson_and_the_side(lesson: Lesson) -> None:
    before, after = sources(lesson)

    topic, _, _ = before.partition(", before: ")
    assert after.startswith(f"{topic}, after: ")


@pytest.mark.parametrize("file", ["before.py", "after.py"])
def test_every_folder_with_a_variant_is_a_lesson(file: str) -> None:
    folders = [found.parent.name for found in APP.rglob(file)]

    assert sorted(folders) == sorted(lesson.name for lesson in LESSONS)
