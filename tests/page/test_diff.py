"""The two files of each lesson, as the page shows them."""

import re
from html import unescape
from pathlib import Path

import pytest

from app.api import LESSONS, folder
from app.lesson import Lesson
from lab.page.diff import marked_changes, side_by_side

each_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=lambda lesson: lesson.name
)


@each_lesson
def test_every_mark_is_shown_on_its_own_side(lesson: Lesson) -> None:
    for html in (marked_changes(lesson), side_by_side(lesson)):
        for kind, file, change in (
            ("LEAK", "before", "removed"),
            ("FIX", "after", "added"),
        ):
            source = Path(folder(lesson), f"{file}.py").read_text()
            written = re.findall(rf"# {kind} (.*)", source)
            shown = re.findall(
                rf'class="code {change} {kind.lower()}"'
                rf".*?<b>{kind}</b>(.*?)</td>",
                html,
            )
            assert written
            assert list(map(unescape, shown)) == written


@each_lesson
def test_side_by_side_has_every_line_of_both(lesson: Lesson) -> None:
    rows = re.findall(
        r'<td class="number \w+">(\d+)</td>', side_by_side(lesson)
    )

    lines = [
        len(Path(folder(lesson), f"{file}.py").read_text().splitlines())
        for file in ("before", "after")
    ]
    assert len(rows) == sum(lines)
    assert rows.count("1") == 2
