"""Wrong fixes are caught and explained; right ones of another kind pass.

The first paragraph of a wrong fix says what somebody thought, and the second
what the check has to say: the kind of finding, and how its reason begins. The
first line of a right one says what it is; one of each lesson's is the other
cure of its card.
"""

import ast
from operator import attrgetter
from pathlib import Path

import pytest

from app.api import LESSONS
from app.lesson import Lesson
from tests.workshop.conftest import Bench, slow_unless_chosen

HERE = Path(__file__).parent
WRONG = sorted(HERE.glob("wrong_fixes/*/*.py"))
RIGHT = sorted(HERE.glob("right_fixes/*/*.py"))


def params(files: list[Path]) -> list[pytest.ParameterSet]:
    """The files, each with its lesson in its name."""
    return [
        pytest.param(
            file,
            id=f"{file.parent.name}: {file.stem}",
            marks=slow_unless_chosen(file.parent.name),
        )
        for file in files
    ]


def lesson_of(file: Path) -> Lesson:
    [lesson] = [each for each in LESSONS if each.name == file.parent.name]
    return lesson


def doc_of(file: Path) -> str:
    return ast.get_docstring(ast.parse(file.read_text())) or ""


@pytest.mark.parametrize("file", params(WRONG))
def test_a_wrong_fix_is_explained(hasty: Bench, file: Path) -> None:
    kind, _, reason = doc_of(file).partition("\n\n")[2].partition(": ")

    verdict = hasty.verdict(lesson_of(file), file.read_text())

    assert [
        finding
        for finding in verdict.findings
        if finding.kind == kind and reason in finding.why
    ], verdict.findings


@pytest.mark.parametrize("file", params(RIGHT))
def test_another_right_fix_passes(patient: Bench, file: Path) -> None:
    verdict = patient.verdict(lesson_of(file), file.read_text())

    assert verdict.solved, verdict.findings


@pytest.mark.parametrize("lesson", LESSONS, ids=attrgetter("name"))
def test_the_cards_other_cure_is_one_of_the_right_fixes(
    lesson: Lesson,
) -> None:
    firsts = [
        doc_of(file).partition("\n")[0].removesuffix(".").casefold()
        for file in RIGHT
        if lesson_of(file) == lesson
    ]

    assert firsts.count(lesson.other_cure.what.casefold()) == 1


def test_there_are_wrong_fixes_of_many_lessons() -> None:
    assert len(WRONG) >= 15
    assert len({file.parent for file in WRONG}) >= 8
