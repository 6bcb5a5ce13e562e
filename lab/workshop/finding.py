"""Which line borrows what is never given back: a trainee's guess, judged."""

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
    """What is to be said of a line."""

    verdict: Literal["right", "near", "wrong", "changed", "no such line"]
    why: str

    @property
    def right(self) -> bool:
        """Whether it is such a line."""
        return self.verdict == "right"

    @property
    def counts(self) -> bool:
        """Whether it was a guess at all."""
        return self.verdict in {"right", "near", "wrong"}


def judge_line(lesson: Lesson, number: int) -> Judgement:
    """Judge a line of the trainee's file.

    Of several lines that leak, each is right. So is the line that opens what
    such a line borrows with: `session = AsyncSession(…)` borrows nothing yet,
    but whoever names it has seen what is wrong.

    Raises:
        FileNotFoundError: the exercise is not started.

    """
    exercise = exercise_of(lesson)
    text = file_of(lesson).read_text()
    lines = text.split("\n")
    if not 1 <= number <= len(lines):
        return Judgement(
            "no such line", f"The file has the lines 1 to {len(lines)}."
        )
    first = _first_number_of(number, text, exercise.text)
    if first is None:
        return Judgement(
            "changed",
            "That line is yours: name one that was there from the beginning."
            " It costs nothing.",
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
            f"In {here.name}, yes. Which of its lines takes a connection out"
            " of a pool?",
        )
    return Judgement(
        "wrong", f"Nothing is borrowed there: {lines[number - 1].strip()!r}"
    )


def _praise(exercise: Exercise, leak: Leak) -> str:
    cause = leak.cause[0].upper() + leak.cause[1:]
    others = len(exercise.leaks) - 1
    if not others:
        return cause
    more = "One more line does" if others == 1 else f"{others} more lines do"
    return f"{cause} {more} the like: a fix has to reach them all."


def _first_number_of(number: int, text: str, handed_out: str) -> int | None:
    """Where a line of the file was when the file was handed out."""
    for a, b, size in SequenceMatcher(
        None, text.split("\n"), handed_out.split("\n"), autojunk=False
    ).get_matching_blocks():
        if a <= number - 1 < a + size:
            return number - a + b
    return None


def _accepted(tree: ast.AST, leak: Leak) -> set[int]:
    """The lines of the statement that borrows, and where it has it from."""
    function = _function_at(tree, leak.line)
    if function is None:
        message = f"line {leak.line} is in no function"
        raise ValueError(message)
    statement = next(
        node
        for node in ast.walk(function)
        if isinstance(node, ast.stmt) and node.lineno == leak.line
    )
    # Of a block, its first line.
    borrows = (
        statement.items[0].context_expr
        if isinstance(statement, ast.With | ast.AsyncWith)
        else statement
    )
    accepted = _lines(borrows)
    for name in _asked(borrows):
        for opening in _openings(function, name, leak.line):
            accepted |= _lines(opening)
    return accepted


def _asked(borrows: ast.AST) -> Iterator[str]:
    """Whom it borrows from: `session` in `session.exec(…)`."""
    for node in ast.walk(borrows):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
                yield name
            case ast.Call(func=ast.Name(id="AsyncSession"), args=[first, *_]):
                if isinstance(first, ast.Name):
                    yield first.id


def _openings(
    function: Function, name: str, before: int
) -> Iterator[ast.stmt | ast.expr | ast.arg]:
    """What binds a name in a function: a line, a block or a parameter."""
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
