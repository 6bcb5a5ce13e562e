"""A lesson's two files as a diff in HTML, the marked lines told apart.

The files are read when they are shown: whoever edits one sees it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape
from itertools import zip_longest
from pathlib import Path
from typing import Literal, Self

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

import app
from app.api import folder
from app.lesson import Lesson

CONTEXT = 2
"""Lines shown round a change, where not all are shown."""
ROOT = Path(app.__file__).parents[1]
MARK = re.compile(r"# (LEAK|FIX) (.*)")

Change = Literal["same", "removed", "added"]
SIGNS: dict[Change, str] = {"same": "", "removed": "-", "added": "+"}
SPOKEN: dict[Change, str] = {
    "same": "",
    "removed": "only in before:",
    "added": "only in after:",
}


@dataclass(frozen=True, slots=True)
class File:
    """One of the two files: its name, its lines, and those in colour."""

    name: str
    lines: list[str]
    coloured: list[str]

    @classmethod
    def read(cls, name: str) -> Self:
        """Read it anew."""
        text = (ROOT / name).read_text()
        coloured = highlight(
            text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)
        )
        return cls(name, text.splitlines(), coloured.splitlines())

    def cells(self, index: int | None, change: Change) -> str:
        """One line of a table: its number, its sign and its code."""
        if index is None:
            return '<td class="none" colspan="2"></td>'
        sign = f'data-sign="{SIGNS[change]}"'
        spoken = f'<span class="spoken">{SPOKEN[change]}</span>'
        number = f'<td class="number {change}">{index + 1}</td>'
        code = f"<code>{self.coloured[index]}</code>"
        marked = MARK.search(self.lines[index])
        if marked is None:
            return (
                f'{number}<td class="code {change}" {sign}>{spoken}{code}</td>'
            )
        kind, why = marked.groups()
        return (
            f'{number}<td class="code {change} {kind.lower()}" {sign}>'
            f"{spoken}<b>{kind}</b>{escape(why)}</td>"
        )


def side_by_side(lesson: Lesson) -> str:
    """Both files in full, each line beside the one that it became."""
    before, after = _files(lesson)
    rows = []
    for tag, *span in _matcher(before, after).get_opcodes():
        for left, right in zip_longest(*_ranges(span)):
            old: Change = "same" if tag == "equal" else "removed"
            new: Change = "same" if tag == "equal" else "added"
            rows.append(before.cells(left, old) + after.cells(right, new))
    return _table("diff wide", (before.name, after.name), rows)


def one_above_the_other(lesson: Lesson) -> str:
    """The leaks and their cures: what *before* has, below it what *after* has.

    Changes without a mark, such as other imports, are left out.
    """
    before, after = _files(lesson)
    rows = list[str]()
    for group in _matcher(before, after).get_grouped_opcodes(CONTEXT):
        a = before.lines[group[0][1] : group[-1][2]]
        b = after.lines[group[0][3] : group[-1][4]]
        if not any(map(MARK.search, a + b)):
            continue
        if rows:
            rows.append('<td class="gap" colspan="2">⋯</td>')
        for tag, *span in group:
            left, right = _ranges(span)
            if tag == "equal":
                rows += (before.cells(index, "same") for index in left)
            else:
                rows += (before.cells(index, "removed") for index in left)
                rows += (after.cells(index, "added") for index in right)
    return _table("diff", (f"{before.name} → after.py",), rows)


def _files(lesson: Lesson) -> tuple[File, File]:
    where = folder(lesson)
    return File.read(f"{where}/before.py"), File.read(f"{where}/after.py")


def _matcher(before: File, after: File) -> SequenceMatcher[str]:
    return SequenceMatcher(None, before.lines, after.lines, autojunk=False)


def _ranges(span: list[int]) -> tuple[range, range]:
    return range(span[0], span[1]), range(span[2], span[3])


def _table(kind: str, heads: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(
        f'<th colspan="2" scope="col">{escape(name)}</th>' for name in heads
    )
    columns = '<col class="number"><col>' * head.count("<th ")
    body = "".join(f"<tr>{cells}</tr>" for cells in rows)
    return (
        f'<table class="{kind}">{columns}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
