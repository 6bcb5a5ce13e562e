"""A lesson's two files as tables in HTML, with LEAK and FIX lines marked.

Files are read whenever they are shown, so that an edit shows.
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
"""Lines shown around a change, or around one line."""
ROOT = Path(app.__file__).parents[1]
MARK = re.compile(r"# (LEAK|FIX) (.*)")
SITE = re.compile(r"(app/[\w/]+\.py):(\d+)")

Change = Literal["same", "removed", "added", "here"]
SIGNS: dict[Change, tuple[str, str]] = {
    "same": ("", ""),
    "removed": ("-", "only in before:"),
    "added": ("+", "only in after:"),
    "here": (">", "this line:"),
}
"""For the eye and for a screen reader."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of this project: its lines, plain and in colour."""

    name: str
    lines: list[str]
    coloured: list[str]

    @classmethod
    def read(cls, name: str) -> Self:
        """Read it from the disk."""
        text = (ROOT / name).read_text()
        coloured = highlight(
            text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)
        )
        return cls(name, text.splitlines(), coloured.splitlines())

    def cells(self, index: int | None, change: Change) -> str:
        """One line as cells of a table: its number, its sign, its code."""
        if index is None:
            return '<td colspan="2"></td>'
        sign, spoken = SIGNS[change]
        look, code = f"{change}", f"<code>{self.coloured[index]}</code>"
        if marked := MARK.search(self.lines[index]):
            kind, words = marked.groups()
            look = f"{change} {kind.lower()}"
            code = f"<b>{kind}</b>{escape(words)}"
        return (
            f'<td class="number {change}">{index + 1}</td>'
            f'<td class="code {look}" data-sign="{sign}">'
            f'<span class="spoken">{spoken}</span>{code}</td>'
        )


def side_by_side(lesson: Lesson) -> str:
    """Both files in full, each line beside the one that replaces it."""
    before, after = _files(lesson)
    rows = list[str]()
    for tag, a, b, c, d in _matcher(before, after).get_opcodes():
        old, new = _changes(tag)
        rows += (
            before.cells(left, old) + after.cells(right, new)
            for left, right in zip_longest(range(a, b), range(c, d))
        )
    return _table("diff wide", (before.name, after.name), rows)


def marked_changes(lesson: Lesson) -> str:
    """The leaks and their fixes, *before* above *after*.

    Changes without a mark, such as imports, are left out.
    """
    before, after = _files(lesson)
    rows = list[str]()
    for group in _matcher(before, after).get_grouped_opcodes(CONTEXT):
        old = before.lines[group[0][1] : group[-1][2]]
        new = after.lines[group[0][3] : group[-1][4]]
        if not any(map(MARK.search, old + new)):
            continue
        if rows:
            rows.append('<td class="gap" colspan="2">⋯</td>')
        for tag, a, b, c, d in group:
            left, right = _changes(tag)
            rows += (before.cells(index, left) for index in range(a, b))
            if tag != "equal":
                rows += (after.cells(index, right) for index in range(c, d))
    return _table("diff", (f"{before.name} → after.py",), rows)


def lines_around(site: str) -> str:
    """The line of a call site such as `app/orders/before.py:74 get_order`.

    Empty if it is no line of this project.
    """
    found = SITE.match(site)
    if found is None or not (ROOT / found[1]).is_file():
        return ""
    file, here = SourceFile.read(found[1]), int(found[2]) - 1
    rows = (
        file.cells(index, "here" if index == here else "same")
        for index in range(here - 2 * CONTEXT, here + CONTEXT + 1)
        if 0 <= index < len(file.lines)
    )
    return _table("diff", (), rows)


def _files(lesson: Lesson) -> tuple[SourceFile, SourceFile]:
    where = folder(lesson)
    return (
        SourceFile.read(f"{where}/before.py"),
        SourceFile.read(f"{where}/after.py"),
    )


def _matcher(before: SourceFile, after: SourceFile) -> SequenceMatcher[str]:
    return SequenceMatcher(None, before.lines, after.lines, autojunk=False)


def _changes(tag: str) -> tuple[Change, Change]:
    return ("same", "same") if tag == "equal" else ("removed", "added")


def _table(look: str, heads: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(
        f'<th colspan="2" scope="col">{escape(name)}</th>' for name in heads
    )
    columns = '<col class="number"><col>' * max(1, head.count("<th "))
    body = "".join(f"<tr>{cells}</tr>" for cells in rows)
    return (
        f'<table class="{look}">{columns}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
