"""Write what the documentation repeats of the lessons' cards.

    python -m lab.lesson_pages

A page marks each such part, and the command replaces what is inside:

    <!-- card: head -->
    …
    <!-- end -->
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

_PART = re.compile(r"(<!-- card: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class MarksError(ValueError):
    """A page lacks the marks of a part, or marks one that does not exist."""


def outdated(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield each page below `root` that differs from the cards, and its text.

    Raises:
        MarksError: a page does not mark each of its parts once.

    """
    pages = {
        Path("README.md"): {"lessons": table()},
        WORKSHOP / "README.md": {"lessons": _table_of_pages()},
    }
    for lesson in LESSONS:
        pages[WORKSHOP / f"{lesson.name}.md"] = {
            "head": _head(lesson),
            "why": _why(lesson),
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
        " [how to use this page](README.md#the-lesson-pages)"
    )
    parts = [
        f"# {lesson.name}: {title}",
        _wrapped(links),
        "## Story",
        _wrapped(lesson.story, "> "),
    ]
    return "\n\n".join(parts)


def _why(lesson: Lesson) -> str:
    returned_by = HEALS[lesson.heals_by]
    what, why = lesson.trap.what, lesson.trap.why
    heading = f"**The popular fix that does not help: {what}.**"
    parts = [
        f"**What returns the connection:** {returned_by}.",
        f"{heading} {why[0].upper()}{why[1:]}.",
    ]
    return "\n\n".join(map(_wrapped, parts))


def _table_of_pages() -> str:
    rows = [
        f"| [{each.name}]({each.name}.md) | {each.title} |" for each in LESSONS
    ]
    return "\n".join(["| lesson | the mistake |", "|---|---|", *rows])


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text,
        width=79,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _with_parts(page: Path, text: str, parts: dict[str, str]) -> str:
    marked = sorted(part[2] for part in _PART.finditer(text))
    if marked != sorted(parts):
        raise MarksError(f"{page}: {marked} are marked, not {sorted(parts)}")
    return _PART.sub(
        lambda part: f"{part[1]}{parts[part[2]]}\n{part[3]}", text
    )


if __name__ == "__main__":
    try:
        write()
    except MarksError as error:
        sys.exit(str(error))
