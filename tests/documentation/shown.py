"""Compares what a page shows with what came, numbers wild-carded.

A number stands for any other. The exception is a whole 0: it stands only for
itself, because "0 leaked" and "10 leaked" are two stories. The same holds for
0.0 at the end of a line, as metrics have it. A value in seconds, bytes or per
cent may always be 0, and its unit stands for any other of its kind, as ms for
s. Digits inside a word belong to the word. `…` stands for anything in a line,
and a line that is just `…` for any number of lines. Runs of spaces and of a
table's lines count once, as columns widen, and a cell that is wrapped counts
as one line.
"""

import difflib
import re
from collections.abc import Sequence

ANYTHING = "…"
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
RULE = re.compile(r"([─━═])\1+|(-)-{2,}")
SPACES = re.compile(r"[ \t]+")
ZERO = r"0(?:\.0)?(?!\d|[.,]\d)"
TIME = r"(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:[\d:.]+)"
WORD = r"(?P<word>[^\W\d]\w*)"
SIGN = "[-+\N{MINUS SIGN}]?"
DIGITS = r"\d+(?:,\d{3})*(?:\.\d+)?"
NUMBER = f"(?P<sign>{SIGN})(?P<number>{DIGITS})"
SCALES = ("s|ms|µs", "B|KB|MB|GB|KiB|MiB|GiB")
"""Units that stand for each other after a number."""
UNIT = re.compile(rf" ?(?:{'|'.join(SCALES)}|%)(?!\w)")
BAR = "│"
PARTS = re.compile(f"{TIME}|{WORD}|{NUMBER}|(?P<anything>{ANYTHING})")


def difference(shown: Sequence[str], came: str) -> str:
    """Give the difference as a diff, and nothing where there is none."""
    expected = _lines("\n".join(shown))
    got = _lines(came)
    whole = "".join(
        r"(?:.*\n)*?" if line == ANYTHING else _pattern(line) + r"\n"
        for line in expected
    )
    if re.fullmatch(whole, "".join(f"{line}\n" for line in got)):
        return ""
    alike = [
        next((line for line in expected if _is_like(line, each)), each)
        for each in got
    ]
    return "\n".join(
        difflib.unified_diff(expected, alike, "shown", "came", lineterm="")
    )


def _is_like(shown: str, came: str) -> bool:
    return shown != ANYTHING and bool(re.fullmatch(_pattern(shown), came))


def _lines(text: str) -> list[str]:
    plain = ESCAPES.sub("", text.replace("\r\n", "\n"))
    tidy = SPACES.sub(" ", RULE.sub(r"\1\2", plain))
    lines: list[str] = []
    for line in tidy.split("\n"):
        if lines and (whole := _unwrapped(lines[-1], line.strip())):
            lines[-1] = whole
        else:
            lines.append(line.strip())
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def _unwrapped(row: str, rest: str) -> str:
    """Join a table's row and the rest of one of its cells, if it is that."""
    cells, further = row.split(BAR), rest.split(BAR)
    filled = [at for at, cell in enumerate(further) if cell.strip()]
    if len(cells) != len(further) or len(cells) < 3 or len(filled) != 1:
        return ""
    at = filled[0]
    cells[at] = f"{cells[at].rstrip()} {further[at].strip()} "
    return BAR.join(cells)


def _pattern(line: str) -> str:
    """Make the pattern that a line which came has to match in full."""
    pattern, at = "", 0
    for part in PARTS.finditer(line):
        pattern += re.escape(line[at : part.start()]) + _part(part)
        at = part.end()
    return pattern + re.escape(line[at:])


def _word(word: str, before: str) -> str:
    if re.search(r"\d ?$", before):
        for scale in SCALES:
            if word in scale.split("|"):
                return f"(?:{scale})"
    return re.escape(word)


def _part(part: re.Match[str]) -> str:
    if part["time"]:
        return r"\d{4}-\d\d-\d\d[T ]\d\d:[\d:.]+"
    if part["word"]:
        return _word(part["word"], part.string[: part.start()])
    if part["anything"]:
        return ".*"
    number, is_last = part["number"], part.end() == len(part.string)
    is_whole = number.isdigit() or (is_last and number.endswith(".0"))
    is_whole &= not UNIT.match(part.string, part.end())
    if is_whole and number in {"0", "0.0"}:
        return ZERO
    if is_whole:
        return f"{SIGN}(?!{ZERO}){DIGITS}"
    return f"{SIGN}{DIGITS}"
