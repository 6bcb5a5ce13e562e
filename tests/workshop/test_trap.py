"""The question: the card's trap among others, and none of them helps."""

from operator import attrgetter

import pytest

from app.api import LESSONS
from app.lab.workshop.trap import NONE, options
from app.lesson import Lesson

each_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=attrgetter("name")
)


@each_lesson
def test_the_cards_own_trap_is_there_with_its_reason(lesson: Lesson) -> None:
    [own] = [each for each in options(lesson) if each.what == lesson.trap.what]

    assert own.why.lower() == f"{lesson.trap.why}.".lower()
    assert not own.right


@each_lesson
def test_one_answer_is_right_and_names_the_cure(lesson: Lesson) -> None:
    [right] = [each for each in options(lesson) if each.right]

    assert right.what == NONE
    assert lesson.cure in right.why


@each_lesson
def test_no_remedy_is_there_twice(lesson: Lesson) -> None:
    names = [each.what for each in options(lesson)]

    assert len(set(names)) == len(names) == 5


@each_lesson
def test_the_order_is_the_same_each_time(lesson: Lesson) -> None:
    assert options(lesson) == options(lesson)


def test_the_trap_is_not_always_at_the_same_place() -> None:
    places = {
        [each.what for each in options(lesson)].index(lesson.trap.what)
        for lesson in LESSONS
    }

    assert len(places) > 1
