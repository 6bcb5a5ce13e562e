"""A lesson's two files differ only in the lesson."""

import ast
import re
from difflib import ndiff
from inspect import getdoc, getmembers, getmodule, getsource, isfunction
from itertools import pairwise
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute

import app
from app.api import LESSONS
from app.lesson import Lesson

APP = Path(app.__file__).parent
MOST_CHANGED_LINES = 12
MOST_CHANGED_IMPORTS = 6

Route = APIRoute | APIWebSocketRoute


def routes(router: APIRouter) -> list[Route]:
    return [route for route in router.routes if isinstance(route, Route)]


def declaration(route: Route) -> dict[str, object]:
    """What a client sees of a route; a WebSocket has no method or status."""
    http = ("methods", "status_code", "response_model", "responses")
    parameters = route.dependant
    return {
        "path": route.path,
        "name": route.name,
        "function": route.endpoint.__name__,
        "docstring": getdoc(route.endpoint),
        **{name: getattr(route, name, None) for name in http},
        "parameters": [
            (field.alias, str(field.field_info))
            for fields in (
                parameters.path_params,
                parameters.query_params,
                parameters.body_params,
            )
            for field in fields
        ],
    }


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


def imported(source: str) -> set[str]:
    """The names in import lines, those of packages apart."""
    return {
        name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        for name in (
            *str(node.module).split("."),
            *(alias.name for alias in node.names),
        )
    }


def test_both_files_declare_the_same_routes_in_the_same_order() -> None:
    for lesson in LESSONS:
        before, after = (
            [declaration(route) for route in routes(router)]
            for router in (lesson.before, lesson.after)
        )
        assert before == after != [], lesson.name


def test_every_route_has_a_docstring() -> None:
    for lesson in LESSONS:
        for route in routes(lesson.after):
            assert getdoc(route.endpoint), f"{lesson.name}: {route.path}"


def test_no_lesson_has_a_route_of_another() -> None:
    paths = [
        (route.path, tuple(getattr(route, "methods", ())))
        for lesson in LESSONS
        for route in routes(lesson.after)
    ]

    assert len(paths) == len(set(paths))


def test_every_leak_has_its_fix_and_each_mark_is_on_its_side() -> None:
    for lesson in LESSONS:
        before, after = sources(lesson)
        leaks = re.findall(r"# LEAK (\S+): \S.*\.$", before, re.MULTILINE)
        numbers = range(1, before.count("# LEAK") + 1)

        assert leaks == [f"{lesson.name}-{n}" for n in numbers] != []
        assert leaks == re.findall(
            r"# FIX (\S+): \S.*\.$", after, re.MULTILINE
        ), lesson.name
        assert "# FIX" not in before, lesson.name
        assert "# LEAK" not in after, lesson.name


def test_few_lines_are_changed() -> None:
    for lesson in LESSONS:
        before, after = functions(lesson.before), functions(lesson.after)
        assert before.keys() == after.keys(), lesson.name

        inside = [changed(before[name], after[name]) for name in before]
        most = max(map(max, inside))
        assert 0 < most <= MOST_CHANGED_LINES, f"{lesson.name}: {most} lines"

        whole = changed(*sources(lesson))
        for side, in_functions in zip(
            whole, map(sum, zip(*inside, strict=True)), strict=True
        ):
            outside = side - in_functions
            assert outside <= MOST_CHANGED_IMPORTS, f"{lesson.name}: {outside}"


def test_the_faster_engine_is_explained_where_it_is_used() -> None:
    """Its lines differ from *before*, and are no part of the cure."""
    for lesson in LESSONS:
        _, after = sources(lesson)
        lines = after.splitlines()
        for above, line in pairwise(lines):
            if re.search(r": ReaderDep|\(database\.reader\)", line):
                assert "not part of the fix" in above, f"{lesson.name}: {line}"


def test_a_variant_imports_no_variant() -> None:
    for lesson in LESSONS:
        for source in sources(lesson):
            assert not imported(source) & {"before", "after"}, lesson.name


def test_both_files_begin_with_the_lesson_and_the_side() -> None:
    for lesson in LESSONS:
        before, after = sources(lesson)
        topic, _, _ = before.partition(", before: ")
        assert after.startswith(f"{topic}, after: "), lesson.name


@pytest.mark.parametrize("file", ["before.py", "after.py"])
def test_every_folder_with_a_variant_is_a_lesson(file: str) -> None:
    folders = [found.parent.name for found in APP.rglob(file)]

    assert sorted(folders) == sorted(lesson.name for lesson in LESSONS)
