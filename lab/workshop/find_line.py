"""Judge a trainee's guess: which line checks out what is never returned."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from app.control.exercise_file import file_of
from app.lesson import Lesson
from lab.workshop.exercise import Exercise, Leak, exercise_of

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judgement of one line."""

    verdict: Literal["right", "near", "wrong", "changed", "no such line"]
    why: str

    @property
    def right(self) -> bool:
        """Whether the guess is right."""
        return self.verdict == "right"

    @property
    def counts(self) -> bool:
        """Whether it counts as a guess."""
        return self.verdict in {"right", "near", "wrong"}


def judge_line(lesson: Lesson, number: int) -> Judgement:
    """Judge a line of the trainee's file.

    Where several lines leak, each of them is right. The line that opens the
    session is right as well: `session = AsyncSession(…)` checks out nothing
    yet, but a trainee who names it has understood the fault.

    Raises:
        FileNotFoundError: the exercise was not started.

    """
    exercise = exercise_of(lesson)
    text = file_of(lesson).read_text()
    lines = text.split("\n")
    if not 1 <= number <= len(lines):
        return Judgement(
            "no such line", f"The file has lines 1 to {len(lines)}."
        )
    first = _first_number_of(number, text, exercise.text)
    if first is None:
        return Judgement(
            "changed",
            "You wrote that line: name one that was there at the start."
            " This guess costs nothing.",
        )
    tree = ast.parse(exercise.text)
    for leak in exercise.leaks:
        if first in _accepted(tree, leak):
            return Judgement("right", _praise(exercise, leak))
    leaky = [_function_at(tree, leak.line) for leak in exercise.leaks]
    here = _function_at(tree, first)
    if here and here in leaky:
        return Judgement(
            "near",
            f"The function {here.name} is right. Which of its lines takes a"
            " connection from the pool?",
        )
    return Judgement(
        "wrong",
        f"That line takes no connection: {lines[number - 1].strip()!r}",
    )


def _praise(exercise: Exercise, leak: Leak) -> str:
    cause = leak.cause[0].upper() + leak.cause[1:]
    others = len(exercise.leaks) - 1
    if not others:
        return cause
    more = (
        "One more line leaks" if others == 1 else f"{others} more lines leak"
    )
    return f"{cause} {more}: a fix must reach all of them."


def _first_number_of(number: int, text: str, handed_out: str) -> int | None:
    """The number that a line had when the file was handed out."""
    for a, b, size in SequenceMatcher(
        None, text.split("\n"), handed_out.split("\n"), autojunk=False
    ).get_matching_blocks():
        if a <= number - 1 < a + size:
            return number - a + b
    return None


def _accepted(tree: ast.AST, leak: Leak) -> set[int]:
    """The lines of the leaking statement, and of what opened its session."""
    function = _function_at(tree, leak.line)
    if function is None:
        message = f"line {leak.line} is in no function"
        raise ValueError(message)
    statement = next(
        node
        for node in ast.walk(function)
        if isinstance(node, ast.stmt) and node.lineno == leak.line
    )
    # For a block, only its first line counts.
    source = (
        statement.items[0].context_expr
        if isinstance(statement, ast.With | ast.AsyncWith)
        else statement
    )
    accepted = _lines(source)
    for name in _called(source):
        for opening in _openings(function, name, leak.line):
            accepted |= _lines(opening)
    return accepted


def _called(source: ast.AST) -> Iterator[str]:
    """The names that it calls: `session` in `session.exec(…)`."""
    for node in ast.walk(source):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
                yield name
            case ast.Call(func=ast.Name(id="AsyncSession"), args=[first, *_]):
                if isinstance(first, ast.Name):
                    yield first.id


def _openings(
    function: Function, name: str, before: int
) -> Iterator[ast.stmt | ast.expr | ast.arg]:
    """Where a function binds a name: an assignment, a block, a parameter."""
    for argument in function.args.args:
        if argument.arg == name:
            yield argument
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=bound)], value=ast.Call()):
                if bound == name and node.lineno < before:
                    yield node
            case ast.withitem(optional_vars=ast.Name(id=bound)):
                if bound == name:
                    yield node.context_expr


def _function_at(tree: ast.AST, line: int) -> Function | None:
    found = (
        node
        for node in ast.walk(tree)
        if isinstance(node, Function) and line in _lines(node)
    )
    return next(found, None)


def _lines(node: ast.stmt | ast.expr | ast.arg) -> set[int]:
    return {*range(node.lineno, (node.end_lineno or node.lineno) + 1)}
