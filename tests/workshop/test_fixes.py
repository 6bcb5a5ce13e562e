"""Wrong fixes are caught and explained; right ones of another kind pass.

A fix is a patch of the exercise. The first line of a right one says what it
is; one of each lesson's is the alternative cure of its card. A wrong one says
what its author thought, and then what the check must find: the kind of
finding, and a part of its reason.
"""

import subprocess
from operator import attrgetter
from pathlib import Path

import pytest

from app.api import LESSONS
from app.control.exercise_file import file_of
from app.lesson import Lesson
from lab.workshop.exercise import exercise_of
from tests.workshop.conftest import Bench, slow_unless_chosen

HERE = Path(__file__).parent
WRONG = sorted(HERE.glob("wrong_fixes/*/*.diff"))
RIGHT = sorted(HERE.glob("right_fixes/*/*.diff"))


def params(patches: list[Path]) -> list[pytest.ParameterSet]:
    """Return the patches, with the lesson in the name of each."""
    return [
        pytest.param(
            patch,
            id=f"{patch.parent.name}: {patch.stem}",
            marks=slow_unless_chosen(patch.parent.name),
        )
        for patch in patches
    ]


def lesson_of(patch: Path) -> Lesson:
    [lesson] = [each for each in LESSONS if each.name == patch.parent.name]
    return lesson


def fixed(patch: Path, folder: Path) -> str:
    """Return the exercise with the patch applied."""
    lesson = lesson_of(patch)
    file = folder / file_of(lesson)
    file.parent.mkdir()
    file.write_text(exercise_of(lesson).text)
    command = ["git", "apply", str(patch)]
    subprocess.run(command, cwd=folder, check=True)
    return file.read_text()


@pytest.mark.parametrize("patch", params(WRONG))
def test_a_wrong_fix_is_explained(
    hasty: Bench, patch: Path, tmp_path: Path
) -> None:
    said = patch.read_text().split("\n\n")[1]
    kind, _, reason = said.partition(": ")

    verdict = hasty.verdict(lesson_of(patch), fixed(patch, tmp_path))

    assert [
        flaw
        for flaw in verdict.flaws
        if flaw.kind == kind and reason in flaw.why
    ], verdict.flaws


@pytest.mark.parametrize("patch", params(RIGHT))
def test_another_right_fix_passes(
    patient: Bench, patch: Path, tmp_path: Path
) -> None:
    verdict = patient.verdict(lesson_of(patch), fixed(patch, tmp_path))

    assert verdict.solved, verdict.flaws


@pytest.mark.parametrize("lesson", LESSONS, ids=attrgetter("name"))
def test_the_cards_alternative_cure_is_one_of_the_right_fixes(
    lesson: Lesson,
) -> None:
    firsts = [
        patch.read_text().partition("\n")[0].removesuffix(".").casefold()
        for patch in RIGHT
        if lesson_of(patch) == lesson
    ]

    assert firsts.count(lesson.alternative_cure.what.casefold()) == 1


def test_there_are_wrong_fixes_of_many_lessons() -> None:
    assert len(WRONG) >= 15
    assert len({patch.parent for patch in WRONG}) >= 8
