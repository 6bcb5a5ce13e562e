"""Runs or reads each block, by its language and the comment above it."""

import os
from pathlib import Path

import pytest
from sybil import Example

from tests.documentation import read, shown
from tests.documentation.blocks import Block, Fault
from tests.documentation.checkout import ROOT
from tests.documentation.console import Command, dialogue, script
from tests.documentation.shell import Shell

LAST = 20
"""Lines of a long output that a failure shows."""


def evaluate(example: Example) -> str | None:
    """Run or check one block; say what is wrong, if anything is."""
    block = example.parsed
    if isinstance(block, Fault):
        return block.message
    if block.mark == "not run":
        pytest.skip(f"line {block.line} is not run: {block.told}")
    if block.mark == "run elsewhere":
        return read.elsewhere(block)
    if block.mark == "compared by":
        return read.compared(block, os.path.relpath(example.path, ROOT))
    if block.mark == "from":
        return read.quoted(block)
    if block.language in read.CHECKED:
        return read.CHECKED[block.language](block)
    if block.language not in {"bash", "console"}:
        return f"nobody knows how to run a block of “{block.language}”"
    shell: Shell = example.namespace["shell"]
    if shell.broken:
        pytest.skip(f"line {block.line} is not reached: {shell.broken}")
    return _typed(block, shell, Path(example.path).name)


def _typed(block: Block, shell: Shell, page: str) -> str | None:
    """Type a block's commands, up to the first that fails."""
    try:
        commands = list(_commands(block))
    except ValueError as error:
        return str(error)
    for command in commands:
        at = f"{page}:{command.line}"
        if block.mark == "in another terminal":
            faults, printed = _goes_on(command, shell, block.told)
        else:
            is_last = command is commands[-1]
            exits = block.mark == "exits with" and is_last
            wanted = int(block.told) if exits else 0
            faults, printed = _ends(command, shell, wanted)
        if shell.broken:
            shell.broken = f"{at} {shell.broken}"
        if faults:
            return _report(at, command, faults, printed, shell)
    return None


def _commands(block: Block) -> list[Command]:
    if block.language == "bash":
        return [script(block.source, block.line)]
    return list(dialogue(block.source, block.line))


def _ends(
    command: Command, shell: Shell, wanted: int
) -> tuple[list[str], str]:
    """Run a command to its end; give its faults, and what it printed."""
    options = "+e" if command.shown is not None else "-eo pipefail"
    ran = shell.run(command.text, options)
    faults = []
    if ran.code is None:
        shell.broken = "had to be ended"
        faults.append(f"did not end within {shell.bound} s")
    elif ran.code != wanted:
        faults.append(f"exit code {ran.code}, expected {wanted}")
    if command.shown is not None and (
        unlike := shown.difference(command.shown, ran.printed)
    ):
        faults.append(unlike)
    return faults, ran.printed


def _goes_on(
    command: Command, shell: Shell, until: str
) -> tuple[list[str], str]:
    """Start a command; give its faults, and what it printed so far."""
    # Later output is not shown.
    wanted = [*(command.shown or ()), shown.ANYTHING]

    def stands(printed: str) -> bool:
        return until in printed and not shown.difference(wanted, printed)

    if shell.start(command.text, stands):
        return [], shell.terminals[-1].printed
    shell.broken = "does not stand"
    printed = shell.terminals[-1].printed
    if until in printed:
        return [shown.difference(wanted, printed)], printed
    return [f"“{until}” did not come within {shell.bound} s"], printed


def _report(
    at: str, command: Command, faults: list[str], printed: str, shell: Shell
) -> str:
    parts = [f"{at}: $ {command.text}", *faults, _tail("printed", printed)]
    for terminal in shell.terminals:
        if terminal.command != command.text:
            code = terminal.process.poll()
            state = "goes on" if code is None else f"ended with {code}"
            title = f"`{terminal.command}` {state}"
            parts.append(_tail(title, terminal.printed))
    return "\n".join(parts)


def _tail(title: str, text: str) -> str:
    lines = text.splitlines()
    cut = ["…"] if len(lines) > LAST else []
    shown_lines = [*cut, *lines[-LAST:]] or ["(nothing)"]
    return "\n".join([f"{title}:", *(f"    {line}" for line in shown_lines)])
