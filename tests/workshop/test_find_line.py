"""Guesses of a line: right, near, or wrong, which costs points."""

from operator import attrgetter

import pytest

from app import analytics, order_processor, orders
from app.api import LESSONS
from app.control.exercise_file import file_of
from app.lesson import Lesson
from app.lessons import (
    engine_per_request,
    kept_session,
    nested_session,
    stream,
)
from lab.workshop.exercise import exercise_of, start
from lab.workshop.find_line import judge_line

pytestmark = pytest.mark.usefixtures("folder")

each_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=attrgetter("name")
)


def line_of(lesson: Lesson, part: str) -> int:
    """Return the number of the first line that contains this text."""
    lines = file_of(lesson).read_text().splitlines()
    return next(n for n, line in enumerate(lines, start=1) if part in line)


@each_lesson
def test_every_line_that_leaks_is_right(lesson: Lesson) -> None:
    start(lesson)

    for leak in exercise_of(lesson).leaks:
        judged = judge_line(lesson, leak.line)
        assert judged.right
        assert leak.cause.lower() in judged.why.lower()


@each_lesson
def test_few_lines_are_right(lesson: Lesson) -> None:
    """Random guesses cost more points than they bring."""
    start(lesson)
    lines = file_of(lesson).read_text().split("\n")

    right = [
        number
        for number, _ in enumerate(lines, start=1)
        if judge_line(lesson, number).right
    ]

    assert len(right) <= 6 * len(exercise_of(lesson).leaks)


@pytest.mark.parametrize(
    ("lesson", "opening"),
    [
        (orders.lesson, "session = AsyncSession(database.engine)"),
        (order_processor.lesson, "items = AsyncSession(database.engine)"),
        (engine_per_request.lesson, "engine = create_async_engine("),
        (nested_session.lesson, "async with AsyncSession(database.engine)"),
        (stream.lesson, "Depends(get_session)]"),
    ],
    ids=lambda value: value.name if isinstance(value, Lesson) else "",
)
def test_the_line_that_opens_the_session_is_right_as_well(
    lesson: Lesson, opening: str
) -> None:
    start(lesson)

    assert judge_line(lesson, line_of(lesson, opening)).right


def test_a_statement_is_right_on_each_of_its_lines() -> None:
    start(analytics.lesson)

    assert judge_line(
        analytics.lesson,
        line_of(analytics.lesson, "timeout=database.settings.pool_timeout"),
    ).right


@pytest.mark.parametrize(
    ("lesson", "part"),
    [
        (kept_session.lesson, "RECENT.append"),
        (orders.lesson, "order = new.to_order()"),
        (analytics.lesson, "return []"),
    ],
    ids=lambda value: value.name if isinstance(value, Lesson) else "",
)
def test_a_line_of_the_same_function_is_near(
    lesson: Lesson, part: str
) -> None:
    start(lesson)

    judged = judge_line(lesson, line_of(lesson, part))

    assert (judged.verdict, judged.counts) == ("near", True)


def test_any_other_line_is_wrong_and_is_shown() -> None:
    start(orders.lesson)

    judged = judge_line(orders.lesson, line_of(orders.lesson, "import API"))

    assert (judged.verdict, judged.counts) == ("wrong", True)
    assert "from fastapi import APIRouter" in judged.why


@pytest.mark.parametrize("number", [0, -1, 1000])
def test_a_line_that_does_not_exist_costs_nothing(number: int) -> None:
    start(orders.lesson)

    judged = judge_line(orders.lesson, number)

    assert (judged.verdict, judged.counts) == ("no such line", False)


def test_line_numbers_are_those_of_the_current_file() -> None:
    start(analytics.lesson)
    file = file_of(analytics.lesson)
    file.write_text("# A note.\n" * 10 + file.read_text())

    judged = judge_line(
        analytics.lesson, line_of(analytics.lesson, "pool.acquire(")
    )

    assert judged.right


def test_a_line_that_the_trainee_wrote_costs_nothing() -> None:
    start(analytics.lesson)
    file = file_of(analytics.lesson)
    file.write_text(f"# A note.\n{file.read_text()}")

    judged = judge_line(analytics.lesson, 1)

    assert (judged.verdict, judged.counts) == ("changed", False)


def test_it_counts_the_other_lines_that_leak() -> None:
    start(orders.lesson)
    [first, *_] = exercise_of(orders.lesson).leaks

    assert "3 more lines" in judge_line(orders.lesson, first.line).why
