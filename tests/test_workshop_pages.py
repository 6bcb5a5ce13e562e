"""Each lesson's page says what its card and its two files say."""

import re
from operator import attrgetter
from pathlib import Path

import pytest

from app.api import LESSONS
from app.lesson import Lesson, Starvation
from tests.test_twins import sources

PAGES = Path("docs/workshop")
SECTIONS = [
    "Story",
    "Observe",
    "Find",
    "Fix",
    "Why",
    "In production",
    "Sources",
]
HEALED = {
    "gc": "garbage collector, some day",
    "never": "nothing heals it, ever",
    "thread": "the end of its thread, then the garbage collector",
    "timeout": "the pool's timeout",
}

each_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=attrgetter("name")
)


def page_of(lesson: Lesson) -> str:
    return (PAGES / f"{lesson.name}.md").read_text()


def words(text: str) -> str:
    """The text without marks and line breaks."""
    return " ".join(re.sub(r"[>`*]", " ", text).split())


@each_lesson
def test_has_the_sections_in_their_order(lesson: Lesson) -> None:
    headings = re.findall(r"^## (.+)$", page_of(lesson), re.MULTILINE)

    assert headings == SECTIONS


@each_lesson
def test_tells_the_story_the_trap_and_what_heals(lesson: Lesson) -> None:
    page = words(page_of(lesson))

    assert words(lesson.story) in page
    assert f"The trap: {words(lesson.trap.what)}" in page
    assert HEALED.get(lesson.heals_by, "") in page


@each_lesson
def test_quotes_both_of_its_files(lesson: Lesson) -> None:
    """What it quotes is looked up there by the documentation's own test."""
    quoted = re.findall(
        rf"^<!-- from: app/(?:lessons/)?{lesson.name}/(\w+)\.py -->$",
        page_of(lesson),
        re.MULTILINE,
    )

    assert {*quoted} == {"before", "after"}


@each_lesson
def test_the_lines_that_it_names_are_those_below_a_mark(
    lesson: Lesson,
) -> None:
    """Numbers in outputs are not compared where these are run."""
    if any(isinstance(each, Starvation) for each in lesson.scenarios):
        pytest.skip("who starves waits in that line, and holds in another")
    before, _ = sources(lesson)
    marks = [
        number
        for number, line in enumerate(before.splitlines(), start=1)
        if "# LEAK" in line
    ]
    named = re.findall(r"before\.py:(\d+)[ …`]", page_of(lesson))

    assert {int(number) - 1 for number in named} <= {*marks}


@each_lesson
def test_is_linked_from_the_start_page(lesson: Lesson) -> None:
    start = (PAGES / "README.md").read_text()

    assert f"\n| [{lesson.name}]({lesson.name}.md) |" in start


@pytest.mark.parametrize(
    "page", sorted(PAGES.glob("*.md")), ids=attrgetter("name")
)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        assert not anchor or anchor in {
            re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
            for heading in headings
        }, link
