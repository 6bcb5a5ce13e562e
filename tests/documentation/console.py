"""The commands of a block, each with the output that is shown for it."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

PROMPT = "$ "


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and the output that is shown below it."""

    line: int
    text: str
    shown: tuple[str, ...] | None
    """None where the page shows none: a block of bash."""


def script(source: str, line: int) -> Command:
    """Take a block of bash as a whole."""
    return Command(line, source.rstrip(), None)


def dialogue(source: str, line: int) -> Iterator[Command]:
    """Take a console block apart; it begins at `line` of the page.

    A command goes on as long as bash finds it unfinished: an open quotation,
    a loop without its end, a backslash at the end of a line.
    """
    lines = source.splitlines()
    if not lines or not lines[0].startswith(PROMPT):
        message = f"the block at line {line} shows output without a command"
        raise ValueError(message)
    at = 0
    while at < len(lines):
        begin = at
        text = lines[at].removeprefix(PROMPT)
        at += 1
        while at < len(lines) and not _is_whole(text):
            text += "\n" + lines[at]
            at += 1
        shown = at
        while at < len(lines) and not lines[at].startswith(PROMPT):
            at += 1
        yield Command(line + begin, text, tuple(lines[shown:at]))


def _is_whole(text: str) -> bool:
    if text.endswith("\\"):
        return False
    checked = subprocess.run(
        ["bash", "-n", "-c", text],  # noqa: S607 - whichever bash there is
        capture_output=True,
        text=True,
        check=False,
    )
    # Bash itself closes a here-document that does not end, and warns.
    return checked.returncode == 0 and "here-document" not in checked.stderr
