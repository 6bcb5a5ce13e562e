"""Blocks that are read, not run: data, code, and what runs elsewhere."""

import ast
import json
import re
from collections.abc import Callable

import yaml  # type: ignore[import-untyped]

from tests.documentation.blocks import Block
from tests.documentation.checkout import ROOT
from tests.documentation.console import dialogue, script

COMMENT = re.compile(r"\s+# .*")


def elsewhere(block: Block) -> str | None:
    """Hold each command against the file that runs it."""
    if block.language == "bash":
        text = script(block.source, block.line).text
        typed = [line for line in text.splitlines() if line.strip()]
    else:
        commands = list(dialogue(block.source, block.line))
        if any(command.shown for command in commands):
            return "output is shown that is not compared, as it runs elsewhere"
        typed = [command.text for command in commands]
    lines = {line.strip() for line in _lines(block.told)}
    for command in typed:
        if COMMENT.sub("", command) not in lines:
            return f"{block.told} does not run `{command}`"
    return None


def compared(block: Block, page: str) -> str | None:
    """See that the test which is named reads this page."""
    if any(f'"{page}"' in line for line in _lines(block.told)):
        return None
    return f"{block.told} does not name {page}"


def quoted(block: Block) -> str | None:
    """Look a block up in the file it is from; a line `…` leaves out some."""
    whole = "\n".join(line.strip() for line in _lines(block.told))
    lines = [line.strip() for line in block.source.splitlines()]
    at = 0
    for part in "\n".join(lines).split("\n…\n"):
        found = whole.find(part.strip("\n"), at)
        if found < 0:
            return f"{block.told} has no such lines:\n{part}"
        at = found + len(part)
    return None


def _lines(name: str) -> list[str]:
    file = ROOT / name
    return file.read_text().splitlines() if file.is_file() else []


def _json(block: Block) -> str | None:
    """Parse it; a page may show some members of an object."""
    source = block.source.strip()
    if not source.startswith(("{", "[")):
        source = f"{{{source}}}"
    try:
        json.loads(source)
    except json.JSONDecodeError as error:
        return f"not JSON: {error}"
    return None


def _yaml(block: Block) -> str | None:
    try:
        yaml.safe_load(block.source)
    except yaml.YAMLError as error:
        return f"not YAML: {error}"
    return None


def _python(block: Block) -> str | None:
    """Compile it, as inside an async function."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
    try:
        compile(block.source, "block", "exec", flags)
    except SyntaxError as error:
        return f"line {block.line + (error.lineno or 1) - 1}: {error.msg}"
    return None


CHECKED: dict[str, Callable[[Block], str | None]] = {
    "json": _json,
    "yaml": _yaml,
    "python": _python,
}
