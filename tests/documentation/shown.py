"""Compares what a page shows with what came, numbers wild-carded.

A number stands for any other, with one exception: a whole 0 stands for
itself, and no other whole number stands for it, because "0 leaked" and "10
leaked" are two stories. Digits inside a word belong to the word. `…` stands
for anything in a line, and a line that is just `…` for any number of lines.
Runs of spaces and of a table's lines count once, as columns widen.
"""

import difflib
import re
from collections.abc import Sequence

ANYTHING = "…"
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
RULE = re.compile(r"([─━═])\1+")
SPACES = re.compile(r"[ \t]+")
ZERO = r"0(?!\d|[.,]\d)"
TIME = r"(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:[\d:.]+)"
WORD = r"(?P<word>[^\W\d]\w*)"
SIGN = "[-+\N{MINUS SIGN}]?"
DIGITS = r"\d+(?:,\d{3})*(?:\.\d+)?"
NUMBER = f"(?P<sign>{SIGN})(?P<number>{DIGITS})"
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
    tidy = SPACES.sub(" ", RULE.sub(r"\1", plain))
    lines = [line.strip() for line in tidy.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def _pattern(line: str) -> str:
    """Make the pattern that a line which came has to match in full."""
    pattern, at = "", 0
    for part in PARTS.finditer(line):
        pattern += re.escape(line[at : part.start()]) + _part(part)
        at = part.end()
    return pattern + re.escape(line[at:])


def _part(part: re.Match[str]) -> str:
    if part["time"]:
        return r"\d{4}-\d\d-\d\d[T ]\d\d:[\d:.]+"
    if part["word"]:
        return re.escape(part["word"])
    if part["anything"]:
        return ".*"
    if part["number"] == "0":
        return re.escape(part["sign"]) + ZERO
    if part["number"].isdigit():
        return f"{SIGN}(?!{ZERO}){DIGITS}"
    return f"{SIGN}{DIGITS}"
