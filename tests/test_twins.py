"""A lesson's two files are twins: their diff is the lesson, and no more."""

import ast
import re
from difflib import ndiff
from inspect import getdoc, getmembers, getmodule, getsource, isfunction
from operator import attrgetter
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute

import app
from app.api import LESSONS
from app.lesson import Lesson

APP = Path(app.__file__).parent
MOST_CHANGED_LINES = 12

Route = APIRoute | APIWebSocketRoute

each_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=attrgetter("name")
)


def routes(router: APIRouter) -> list[Route]:
    return [route for route in router.routes if isinstance(route, Route)]


def functions(router: APIRouter) -> dict[str, str]:
    """The text of each function in a variant's file, routes or not."""
    file = getmodule(routes(router)[0].endpoint)
    return {
        name: getsource(function)
        for name, function in getmembers(file, isfunction)
        if getmodule(function) is file
    }


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


def changed_in_functions(lesson: Lesson) -> list[tuple[int, int]]:
    """The same, function by function."""
    before, after = functions(lesson.before), functions(lesson.after)
    return [changed(before[name], after[name]) for name in before]


@each_lesson
@pytest.mark.parametrize(
    "what", ["path", "name", "endpoint.__name__", "endpoint.__doc__"]
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
@pytest.mark.parametrize(
    "what", ["methods", "status_code", "response_model", "responses"]
)
def test_answers_over_http_are_declared_alike(
    lesson: Lesson, what: str
) -> None:
    before, after = (
        [
            attrgetter(what)(route)
            for route in routes(router)
            if isinstance(route, APIRoute)
        ]
        for router in (lesson.before, lesson.after)
    )

    assert before == after


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


def test_no_lesson_has_a_route_of_another() -> None:
    paths = [
        (route.path, tuple(getattr(route, "methods", ())))
        for lesson in LESSONS
        for route in routes(lesson.after)
    ]

    assert len(paths) == len(set(paths))


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
def test_both_sides_have_the_same_functions(lesson: Lesson) -> None:
    before, after = functions(lesson.before), functions(lesson.after)

    assert before.keys() == after.keys()


@each_lesson
def test_few_lines_of_a_function_are_changed(lesson: Lesson) -> None:
    lines = [max(sides) for sides in changed_in_functions(lesson)]

    assert 0 < max(lines) <= MOST_CHANGED_LINES


@each_lesson
def test_outside_the_functions_next_to_nothing_is_changed(
    lesson: Lesson,
) -> None:
    for whole, *inside in zip(
        changed(*sources(lesson)), *changed_in_functions(lesson), strict=True
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
