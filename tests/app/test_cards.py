"""The text of the cards: a story, and hints that come in stages."""

import io
import re
import tokenize
from pathlib import Path

import pytest

from app import orders
from app.api import LESSONS
from app.lesson import Lesson
from app.lesson_text import LessonTextError, text_beside
from tests.app.test_twins import sources
from tests.app.web.test_openapi import OPERATIONS

PAGES = ("/poolwatch", "/lab/", "/metrics", "/healthz")
CARD = Path(orders.__file__).with_name("lesson.toml").read_text()


def code_in(*texts: str) -> list[str]:
    """Text between backticks."""
    return re.findall(r"`([^`]+)`", " ".join(texts))


def words_in(*texts: str) -> set[str]:
    return {*re.findall(r"\w+", " ".join(code_in(*texts)))}


def words_of(source: str) -> set[str]:
    """Names and keywords, as Python reads them, and no comments."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {word.string for word in tokens if word.type == tokenize.NAME}


def words_of_the_cure(lesson: Lesson) -> set[str]:
    """The words of *after* that *before* does not have."""
    before, after = map(words_of, sources(lesson))
    return after - before


def test_the_first_hint_says_where_to_look() -> None:
    for lesson in LESSONS:
        assert any(page in lesson.hints[0] for page in PAGES), lesson.name


def test_the_story_and_two_hints_do_not_name_the_cure() -> None:
    for lesson in LESSONS:
        told = words_in(lesson.story, *lesson.hints[:2])
        assert not told & words_of_the_cure(lesson), lesson.name


def test_the_last_hint_names_the_cure() -> None:
    """If the cure is to leave something out, it names what remains."""
    for lesson in LESSONS:
        _, after = sources(lesson)
        cure = words_of_the_cure(lesson) or words_of(after)
        assert words_in(lesson.hints[2]) & cure, lesson.name


def test_hints_lead_to_routes_that_exist() -> None:
    known = [operation.split() for operation in OPERATIONS]
    for lesson in LESSONS:
        for code in code_in(lesson.story, *lesson.hints):
            if route := re.fullmatch(r"(?:([A-Z]+) )?(/\S+)", code):
                assert any(
                    route[1] in {None, method}
                    and re.fullmatch(re.sub(r"{\w+}", r"\\w+", path), route[2])
                    for method, path in known
                ), f"{lesson.name}: {code}"


def test_a_card_is_read_with_its_line_breaks_as_spaces(tmp_path: Path) -> None:
    (tmp_path / "lesson.toml").write_text(CARD)

    text = text_beside(str(tmp_path / "__init__.py"))

    assert text["story"] == orders.lesson.story
    assert "\n" not in text["story"]
    assert text["trap"].settings == {"POOL_BUFFER": "20"}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("title =", "titel =", "title: Field required; titel: Extra inputs"),
        ('"A session', '""', "Expected newline or end of document"),
        ("settings =", "setting =", "trap.setting: Extra inputs"),
        ('{ POOL_BUFFER = "20" }', '"more"', "trap.settings: Input should be"),
        ("hints = [", 'hints = ["",', "hints: Tuple should have at most 3"),
        ('what = "a larger pool"', 'what = ""', "trap.what: String should"),
    ],
)
def test_a_wrong_card_is_one_error_that_names_file_and_fault(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    card = tmp_path / "lesson.toml"
    card.write_text(CARD.replace(old, new, 1))

    with pytest.raises(LessonTextError) as raised:
        text_beside(str(tmp_path / "__init__.py"))

    assert str(raised.value).startswith(f"{card}: ")
    assert fault in str(raised.value)


def test_a_missing_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(LessonTextError, match=r"lesson\.toml"):
        text_beside(str(tmp_path / "__init__.py"))
