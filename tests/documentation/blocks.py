"""What a page shows: its fenced blocks, each with the comment above it.

A comment says how a block is run, where that is not in the page's shell:

    <!-- in another terminal: until TEXT -->
    <!-- run elsewhere: FILE -->
    <!-- compared by: FILE -->
    <!-- not run: REASON -->
    <!-- exits with CODE -->
    <!-- from: FILE -->

The comments round a part that `lab.lesson_pages` writes belong to no block:

    <!-- card: PART -->
    <!-- end -->
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sybil import Document, Region
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

from tests.documentation.checkout import ROOT

FENCES = RawFencedCodeBlockLexer(re.compile(r"(?P<language>[^\n]*)\n"))
COMMENT = re.compile(r"^[ \t]*<!--(.*?)-->[ \t]*\n?", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?<=\n\n)(?: {4}|\t)[^\n]*")

MARKS = {
    "in another terminal": re.compile(r"until (.+)"),
    "run elsewhere": re.compile(r"(\S+)"),
    "compared by": re.compile(r"(\S+)"),
    "not run": re.compile(r"(.+)"),
    "from": re.compile(r"(\S+)"),
}
EXITS = re.compile(r"exits with (\d+)")
WRITTEN = re.compile(r"card: \w+|end")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and what the comment above it says."""

    language: str
    source: str
    line: int
    """Where its source begins in the page."""

    mark: str = ""
    """How it is run, if not as most are."""

    told: str = ""
    """What belongs to the mark: a text, a file, a reason, a number."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What a page must not have, and why."""

    message: str


def find(document: Document) -> Iterator[Region]:
    """Find the blocks of a page, and those that no test runs or reads."""
    text = document.text
    fences = list(FENCES(document))
    comments = {
        comment.end(): comment
        for comment in COMMENT.finditer(text)
        if not _inside(comment.start(), fences)
        and not WRITTEN.fullmatch(comment[1].strip())
    }
    for fence in fences:
        comment = comments.pop(fence.start, None)
        line = text.count("\n", 0, fence.start) + 2
        language = fence.lexemes["language"].strip()
        source = fence.lexemes["source"]
        if comment is None:
            parsed: Block | Fault = Block(language, source, line)
        else:
            parsed = _marked(comment[1].strip(), language, source, line)
        yield Region(fence.start, fence.end, parsed)
    for comment in comments.values():
        message = f"no block follows the comment “{comment[1].strip()}”"
        yield Region(comment.start(), comment.end(), Fault(message))
    for indented in INDENTED.finditer(text):
        if not _inside(indented.start(), fences):
            message = "an indented block is not run: put it between fences"
            yield Region(indented.start(), indented.end(), Fault(message))


def _inside(position: int, fences: list[Region]) -> bool:
    return any(fence.start <= position < fence.end for fence in fences)


def _marked(
    comment: str, language: str, source: str, line: int
) -> Block | Fault:
    if exits := EXITS.fullmatch(comment):
        return Block(language, source, line, "exits with", exits[1])
    mark, _, told = comment.partition(": ")
    if mark in MARKS and (found := MARKS[mark].fullmatch(told)):
        return Block(language, source, line, mark, found[1])
    return Fault(f"unknown comment above a block: “{comment}”")


def block_with(page: str, text: str) -> Block:
    """Give the one block of a page that a test compares with what came."""
    document = Document((ROOT / page).read_text(), page)
    [block] = [
        region.parsed
        for region in find(document)
        if isinstance(region.parsed, Block)
        and region.parsed.mark == "compared by"
        and text in region.parsed.source
    ]
    return block
