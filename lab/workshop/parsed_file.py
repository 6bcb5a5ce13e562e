"""A trainee's file as a syntax tree: which calls and arguments it contains.

The check decides by what a file does. The tree helps to say why.
"""

import ast
from collections.abc import Iterator


class ParsedFile:
    """The text of a file, parsed."""

    def __init__(self, text: str) -> None:
        """Parse the text.

        Raises:
            SyntaxError: it is not Python.

        """
        self.tree = ast.parse(text)

    def calls(self, *names: str) -> bool:
        """Whether one of these is called, for example `gc.collect`."""
        return any(True for name in names for _ in self._calls_of(name))

    def names(self, name: str) -> bool:
        """Whether a name is used."""
        return any(
            isinstance(node, ast.Name) and node.id == name
            for node in ast.walk(self.tree)
        )

    def values(self, argument: str) -> set[str]:
        """The values that calls pass for this keyword argument."""
        return {
            ast.unparse(keyword.value)
            for call in calls_in(self.tree)
            for keyword in call.keywords
            if keyword.arg == argument
        }

    def lines_without(self, argument: str, name: str) -> list[int]:
        """Lines that call `name` without this keyword argument."""
        return [
            call.lineno
            for call in self._calls_of(name)
            if argument not in {keyword.arg for keyword in call.keywords}
        ]

    def sleeping_lines(self) -> list[int]:
        """Lines of an `async def` that call `time.sleep`."""
        return [
            call.lineno
            for function in ast.walk(self.tree)
            if isinstance(function, ast.AsyncFunctionDef)
            for call in calls_in(function)
            if ast.unparse(call.func) == "time.sleep"
        ]

    def _calls_of(self, name: str) -> Iterator[ast.Call]:
        for call in calls_in(self.tree):
            if f".{ast.unparse(call.func)}".endswith(f".{name}"):
                yield call


def calls_in(tree: ast.AST) -> Iterator[ast.Call]:
    """All calls of a tree."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))
