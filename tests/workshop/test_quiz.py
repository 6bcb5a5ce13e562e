"""The quiz: one right answer among the card's trap and popular remedies."""

from collections import Counter
from operator import attrgetter

import pytest

from app.api import LESSONS
from app.lesson import Lesson
from lab.workshop.quiz import CODE, OPERATION, options

each_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=attrgetter("name")
)


@each_lesson
def test_the_cards_trap_is_an_option_with_its_reason(lesson: Lesson) -> None:
    [own] = [each for each in options(lesson) if each.what == lesson.trap.what]

    assert own.why.lower() == f"{lesson.trap.why}.".lower()
    assert not own.right


@each_lesson
def test_only_the_alternative_cure_is_right_and_it_names_that_of_after(
    lesson: Lesson,
) -> None:
    [right] = [each for each in options(lesson) if each.right]

    assert right.what == lesson.alternative_cure.what
    assert right.why.lower().startswith(
        f"{lesson.alternative_cure.why}.".lower()
    )
    assert lesson.cure in right.why


@each_lesson
def test_no_option_comes_twice(lesson: Lesson) -> None:
    names = [each.what for each in options(lesson)]

    assert len(set(names)) == len(names) == 5


@each_lesson
def test_the_order_is_the_same_each_time(lesson: Lesson) -> None:
    assert options(lesson) == options(lesson)


@each_lesson
def test_the_alternative_cure_is_not_what_after_does(lesson: Lesson) -> None:
    assert lesson.alternative_cure.what not in lesson.cure


def test_the_longest_option_is_right_in_at_most_half_of_the_lessons() -> None:
    longest = [
        max(options(lesson), key=lambda each: len(each.what)).right
        for lesson in LESSONS
    ]

    assert sum(longest) <= len(LESSONS) / 2


def test_no_number_is_right_in_more_than_half_of_the_lessons() -> None:
    places = Counter(
        [each.right for each in options(lesson)].index(True)
        for lesson in LESSONS
    )

    assert len(places) > 1
    assert max(places.values()) <= len(LESSONS) / 2


def test_the_trap_does_not_always_have_the_same_number() -> None:
    places = {
        [each.what for each in options(lesson)].index(lesson.trap.what)
        for lesson in LESSONS
    }

    assert len(places) > 1


def test_remedies_exclude_only_lessons_that_exist() -> None:
    kept_from = {name for each in OPERATION + CODE for name in each.not_of}

    assert kept_from <= {lesson.name for lesson in LESSONS}
