"""Points, and the file that stores them."""

import datetime as dt
from pathlib import Path

import pytest

from app.api import LESSONS
from lab.workshop import score
from lab.workshop.progress import FILE, LessonProgress, Progress, changed, read
from lab.workshop.summary import summary

TODAY = dt.date(2026, 11, 24)


def silent(_: str) -> None:
    """Ignore a message."""


def test_a_lesson_gives_forty_points() -> None:
    done = LessonProgress()
    done.name_line(right=True)
    done.fix(TODAY)
    done.answer(right=True)

    assert done.points == score.LESSON == 40


def test_each_wrong_line_costs_two_points_down_to_a_minimum() -> None:
    done = LessonProgress()
    for _ in range(3):
        done.name_line(right=False)
    patient = LessonProgress(wrong_lines=50)
    for progress in (done, patient):
        progress.name_line(right=True)

    assert (done.points, patient.points) == (4, 2)


def test_a_line_that_was_found_counts_once() -> None:
    done = LessonProgress()
    done.name_line(right=True)
    done.name_line(right=False)
    done.name_line(right=True)

    assert (done.found, done.wrong_lines) == (10, 0)


def test_the_solution_takes_the_points_that_are_not_earned_yet() -> None:
    done = LessonProgress(solution_seen=True)
    done.name_line(right=True)
    done.fix(TODAY)

    assert done.points == 0
    assert done.fixed_on == TODAY


def test_a_wrong_answer_costs_five() -> None:
    done = LessonProgress()
    done.answer(right=False)
    done.answer(right=True)
    done.answer(right=False)

    assert done.points == 5


def test_hints_cost_two_points_but_never_more_than_were_earned() -> None:
    assert LessonProgress(fixed=20, hints=3).points == 14
    assert LessonProgress(hints=3).points == 0


@pytest.mark.usefixtures("folder")
def test_a_change_is_stored() -> None:
    with changed(silent) as progress:
        progress.last = "orders"
        progress.of("orders").fix(TODAY)

    kept = read(silent)

    assert kept.last == "orders"
    assert kept.points == 20


@pytest.mark.parametrize("text", ["", "{", "[]", '{"lessons": {"orders": 1}}'])
def test_a_broken_file_is_renamed(folder: Path, text: str) -> None:
    FILE.parent.mkdir()
    FILE.write_text(text)
    said: list[str] = []

    assert read(said.append) == Progress()

    assert (folder / "workshop/progress.json.broken").read_text() == text
    assert "progress.json.broken" in said[0]
    assert not FILE.exists()


@pytest.mark.usefixtures("folder")
def test_a_change_that_fails_stores_nothing() -> None:
    with pytest.raises(ZeroDivisionError), changed(silent) as progress:
        progress.last = str(1 / 0)

    assert not FILE.exists()


def test_the_summary_has_each_solved_lesson() -> None:
    progress = Progress()
    for lesson in LESSONS:
        progress.of(lesson.name).fix(TODAY)
    progress.of("orders").hints = 1

    text = summary(LESSONS, progress, TODAY)

    assert "17 of 17 lessons solved, 338 of 680 points, 1 hints" in text
    assert all(lesson.title in " ".join(text.split()) for lesson in LESSONS)
    assert "All lessons are solved." in text
    assert "24 November 2026" in text
