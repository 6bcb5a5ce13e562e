"""What the cards tell trainees: a story, and hints that come in stages."""

import io
import re
import tokenize
from operator import attrgetter

import pytest

from app.api import LESSONS
from app.lesson import Lesson
from tests.test_openapi import OPERATIONS
from tests.test_twins import sources

each_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=attrgetter("name")
)


def code_in(*texts: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", " ".join(texts))


def words_of(source: str) -> set[str]:
    """Names and keywords, as Python reads them, and no comments."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {word.string for word in tokens if word.type == tokenize.NAME}


def words_of_the_cure(lesson: Lesson) -> set[str]:
    """What *after* says and *before* does not."""
    before, after = map(words_of, sources(lesson))
    return after - before


def words_in(*texts: str) -> set[str]:
    return {*re.findall(r"\w+", " ".join(code_in(*texts)))}


@each_lesson
def test_tells_a_story_and_has_three_hints(lesson: Lesson) -> None:
    assert lesson.story.endswith(".")
    assert len(lesson.hints) == 3


@each_lesson
def test_the_first_hint_says_where_to_look(lesson: Lesson) -> None:
    pages = ("/poolwatch", "/lab/", "/metrics", "/healthz")

    assert any(page in lesson.hints[0] for page in pages)


@each_lesson
def test_the_story_and_two_hints_keep_the_cure_to_themselves(
    lesson: Lesson,
) -> None:
    told = words_in(lesson.story, *lesson.hints[:2])

    assert not told & words_of_the_cure(lesson)


@each_lesson
def test_the_last_hint_names_the_cure(lesson: Lesson) -> None:
    """Where the cure is to leave something out, it names what stays."""
    _, after = sources(lesson)

    assert words_in(lesson.hints[2]) & (
        words_of_the_cure(lesson) or words_of(after)
    )


@each_lesson
def test_hints_lead_to_routes_that_exist(lesson: Lesson) -> None:
    for code in code_in(lesson.story, *lesson.hints):
        if asked := re.fullmatch(r"(?:([A-Z]+) )?(/\S+)", code):
            method, path = asked.groups()
            assert any(
                re.fullmatch(re.sub(r"{\w+}", r"\\w+", template), path)
                and (method is None or method == known)
                for operation in OPERATIONS
                for known, template in [operation.split()]
            ), code
