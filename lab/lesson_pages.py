"""Write what the documentation repeats of the lessons' cards.

    python -m lab.lesson_pages

A page marks each such part, and the command replaces what is inside:

    <!-- card: story -->
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
            "story": _story(lesson),
            "heals": _heals(lesson),
            "trap": _trap(lesson),
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
    name, files = lesson.name, f"../../{folder(lesson)}"
    files_and_copy = (
        f"The lesson's two files: [before]({files}/before.py),"
        f" [after]({files}/after.py). `workshop start {name}` creates your"
        f" copy, `workshop/{name}.py`. The commands need the running service"
        " and `TOKEN`: see the [trainee's guide](trainee.md)."
    )
    title = lesson.title[0].lower() + lesson.title[1:]
    return f"# {name}: {title}\n\n{_wrapped(files_and_copy)}"


def _story(lesson: Lesson) -> str:
    return _wrapped(lesson.story, "> ")


def _heals(lesson: Lesson) -> str:
    returned_by = HEALS[lesson.heals_by]
    return _wrapped(f"**What returns the connection:** {returned_by}.")


def _trap(lesson: Lesson) -> str:
    what, why = lesson.trap.what, lesson.trap.why
    heading = f"**The popular fix that does not help: {what}.**"
    return _wrapped(f"{heading} {why[0].upper()}{why[1:]}.")


def _table_of_pages() -> str:
    rows = [
        f"| [{each.name}]({each.name}.md) | {each.title}"
        f" | {HEALS[each.heals_by]} |"
        for each in LESSONS
    ]
    heading = "| lesson | the mistake | what returns the connection |"
    return "\n".join([heading, "|---|---|---|", *rows])


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
