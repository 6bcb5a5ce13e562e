"""Write what the documentation repeats of the lessons' cards.

    python -m lab.lesson_pages

It replaces these parts of the pages:

- the list of lessons in both README files, between `<!-- card: lessons -->`
  and `<!-- end -->`;
- of a lesson's page, all text above its first section, and all from "What
  returns the connection" to the section "In production".
"""

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import typer

from app.api import LESSONS, folder
from app.lesson import HEALS, Lesson
from lab.lessons import table

ROOT = Path(__file__).parents[1]
WORKSHOP = Path("docs") / "workshop"

_FLAGS = re.DOTALL | re.MULTILINE
_LIST = re.compile(r"(?<=<!-- card: lessons -->\n).*?(?=<!-- end -->)", _FLAGS)
_HEAD = re.compile(r"\A.*?(?=^## )", _FLAGS)
_REMEDIES = re.compile(
    r"^\*\*What returns the connection:.*?(?=^## In production$)", _FLAGS
)


class MissingPartError(ValueError):
    """A page has no place for a part that the cards write."""


def outdated(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield each page below `root` that differs from the cards, and its text.

    Raises:
        MissingPartError: a page lacks the place for one of its parts.

    """
    pages = {
        Path("README.md"): {_LIST: f"{table()}\n"},
        WORKSHOP / "README.md": {_LIST: f"{_list_of_pages()}\n"},
    }
    for lesson in LESSONS:
        pages[WORKSHOP / f"{lesson.name}.md"] = {
            _HEAD: f"{_head(lesson)}\n\n",
            _REMEDIES: f"{_remedies(lesson)}\n\n",
        }
    for page, parts in pages.items():
        text = (root / page).read_text(encoding="utf-8")
        right = _with_parts(page, text, parts)
        if text != right:
            yield page, right


def write(root: Path = ROOT) -> None:
    """Write every page that is out of date, and print its name."""
    for page, text in outdated(root):
        (root / page).write_text(text, encoding="utf-8")
        typer.echo(f"written: {page}")


def _head(lesson: Lesson) -> str:
    title = lesson.title[0].lower() + lesson.title[1:]
    files = f"../../{folder(lesson)}"
    links = (
        f"[before.py]({files}/before.py) · [after.py]({files}/after.py) ·"
        " [help](README.md#the-lesson-pages)"
    )
    parts = [
        f"# {lesson.name}: {title}",
        _wrapped(links),
        _wrapped(lesson.story),
    ]
    return "\n\n".join(parts)


def _remedies(lesson: Lesson) -> str:
    what, why = lesson.trap.what, lesson.trap.why
    if what.split()[0].isalpha():  # not `gc.collect()`
        what = what[0].upper() + what[1:]
    parts = [
        f"**What returns the connection:** {HEALS[lesson.heals_by]}.",
        "## What does not help",
        f"**{what}.** {why[0].upper()}{why[1:]}.",
    ]
    return "\n\n".join(map(_wrapped, parts))


def _list_of_pages() -> str:
    return "\n".join(
        f"{number}. [{each.name}]({each.name}.md): {each.title}"
        for number, each in enumerate(LESSONS, 1)
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(
        text, width=79, break_long_words=False, break_on_hyphens=False
    )


def _with_parts(
    page: Path, text: str, parts: dict[re.Pattern[str], str]
) -> str:
    for place, part in parts.items():
        found = place.search(text)
        if not found:
            raise MissingPartError(f"{page}: nothing matches {place.pattern}")
        text = text[: found.start()] + part + text[found.end() :]
    return text


if __name__ == "__main__":
    try:
        write()
    except MissingPartError as error:
        sys.exit(str(error))
