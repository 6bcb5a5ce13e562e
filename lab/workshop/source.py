"""What a trainee's file says: calls and arguments that give a fix away.

The check decides by what a file does; this helps to say why.
"""

import ast
from collections.abc import Iterator


class Source:
    """A file's text, parsed."""

    def __init__(self, text: str) -> None:
        """Parse it.

        Raises:
            SyntaxError: it is not Python.

        """
        self.tree = ast.parse(text)

    def calls(self, *names: str) -> bool:
        """Whether one of these is called: `dispose`, `gc.collect`."""
        return any(
            f".{ast.unparse(call.func)}".endswith(f".{name}")
            for call in calls_in(self.tree)
            for name in names
        )

    def names(self, name: str) -> bool:
        """Whether a name is used."""
        return any(
            isinstance(node, ast.Name) and node.id == name
            for node in ast.walk(self.tree)
        )

    def values(self, argument: str) -> set[str]:
        """What calls are given for this argument."""
        return {
            ast.unparse(keyword.value)
            for call in calls_in(self.tree)
            for keyword in call.keywords
            if keyword.arg == argument
        }

    def sleeping_lines(self) -> list[int]:
        """Lines of an `async def` that call `time.sleep`."""
        return [
            call.lineno
            for function in ast.walk(self.tree)
            if isinstance(function, ast.AsyncFunctionDef)
            for call in calls_in(function)
            if ast.unparse(call.func) == "time.sleep"
        ]


def calls_in(tree: ast.AST) -> Iterator[ast.Call]:
    """All calls of a tree."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))
