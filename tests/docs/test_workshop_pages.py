"""Each lesson's page says what its card and its two files say."""

import re
import shutil
from pathlib import Path

import pytest

from app.api import LESSONS
from app.lesson import Lesson, Starvation
from lab.lesson_pages import ROOT, WORKSHOP, MissingPartError, outdated, write
from tests.app.test_twins import sources

SECTIONS = [
    "Observe",
    "Find",
    "Fix",
    "Why",
    "What does not help",
    "In production",
    "Sources",
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of every page that repeats cards."""
    shutil.copytree(ROOT / WORKSHOP, tmp_path / WORKSHOP)
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def page_of(lesson: Lesson) -> str:
    return (ROOT / WORKSHOP / f"{lesson.name}.md").read_text()


def test_pages_repeat_the_cards_as_they_are() -> None:
    pages = [str(page) for page, _ in outdated()]

    assert not pages, "run: python -m lab.lesson_pages"


def test_a_part_that_differs_is_written_again(copy: Path) -> None:
    page = copy / WORKSHOP / "stream.md"
    right = page.read_text()
    page.write_text(right.replace("Customers", "Clients"))

    write(copy)

    assert page.read_text() == right


def test_a_page_without_a_place_for_its_part_is_named(copy: Path) -> None:
    (copy / "README.md").write_text("No list.\n")

    with pytest.raises(MissingPartError, match=r"^README\.md: nothing"):
        write(copy)


def test_sections_are_in_their_order() -> None:
    for lesson in LESSONS:
        headings = re.findall(r"^## (.+)$", page_of(lesson), re.MULTILINE)
        assert headings == SECTIONS, lesson.name


def test_a_page_quotes_both_of_its_files() -> None:
    """The documentation's own test looks the quotes up in the files."""
    for lesson in LESSONS:
        quoted = re.findall(
            rf"^<!-- from: app/(?:lessons/)?{lesson.name}/(\w+)\.py -->$",
            page_of(lesson),
            re.MULTILINE,
        )
        assert {*quoted} == {"before", "after"}, lesson.name


def test_the_lines_that_a_page_names_are_those_below_a_mark() -> None:
    """The documentation's own test does not compare numbers in outputs.

    Requests that starve hold their connections from another line.
    """
    for lesson in LESSONS:
        if any(isinstance(each, Starvation) for each in lesson.scenarios):
            continue
        before, _ = sources(lesson)
        lines = before.splitlines()
        for number in re.findall(r"before\.py:(\d+)[ …`]", page_of(lesson)):
            above = lines[int(number) - 2]
            assert "# LEAK" in above, f"{lesson.name}: line {number}"


def test_links_lead_to_files_and_headings() -> None:
    for page in sorted((ROOT / WORKSHOP).glob("*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in headings
    }
