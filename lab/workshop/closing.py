"""Who closes what a block, a dependency or another line closes as well.

It does no harm that could be measured: a session that is closed twice is
closed. So the source is looked at, function by function.
"""

import ast
from collections.abc import Iterator

from lab.workshop.source import Source, calls_in

Function = ast.FunctionDef | ast.AsyncFunctionDef


def closed_twice(source: Source, *, early_heals: bool) -> list[int]:
    """Answer the lines that close once more.

    Args:
        source: the file.
        early_heals: what a block or a dependency closes at its end may be
            closed before, where that is what the lesson is about.

    """
    return sorted(
        {
            line
            for function in ast.walk(source.tree)
            if isinstance(function, Function)
            for line in _in_function(function, early_heals=early_heals)
        }
    )


def _in_function(function: Function, *, early_heals: bool) -> Iterator[int]:
    closings = list(_closings(function))
    if not early_heals:
        owned = {*_bound_by_blocks(function), *_dependencies(function)}
        yield from (line for name, line in closings if name in owned)
    for name, in_finally in _closed_finally(function):
        yield from (
            line
            for other, line in closings
            if other == name and line != in_finally
        )
    for block in _blocks(function):
        seen = set()
        for statement in block:
            if isinstance(statement, ast.Expr):
                for name, line in _closings(statement):
                    if name in seen:
                        yield line
                    seen.add(name)


def _closings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """`name.close()` and `pool.release(name)`, with their lines."""
    for call in calls_in(tree):
        match call:
            case (
                ast.Call(
                    func=ast.Attribute(
                        attr="close" | "aclose", value=ast.Name(id=name)
                    )
                )
                | ast.Call(
                    func=ast.Attribute(attr="release"),
                    args=[ast.Name(id=name), *_],
                )
            ):
                yield name, call.lineno


def _bound_by_blocks(function: Function) -> Iterator[str]:
    """Names that a `with` opens and closes; a pool's block releases."""
    for block in ast.walk(function):
        if isinstance(block, ast.With | ast.AsyncWith):
            for item in block.items:
                for bound in (item.optional_vars, item.context_expr):
                    if isinstance(bound, ast.Name):
                        yield bound.id


def _dependencies(function: Function) -> Iterator[str]:
    """Parameters that FastAPI opens and closes."""
    for argument in (*function.args.args, *function.args.kwonlyargs):
        kind = ast.unparse(argument.annotation) if argument.annotation else ""
        if kind.endswith("Dep") or "Depends(" in kind:
            yield argument.arg


def _closed_finally(function: Function) -> Iterator[tuple[str, int]]:
    for each in ast.walk(function):
        if isinstance(each, ast.Try):
            for statement in each.finalbody:
                yield from _closings(statement)


def _blocks(function: Function) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(function):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                yield block
