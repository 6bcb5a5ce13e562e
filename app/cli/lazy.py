"""Commands that are imported when they run, so that `--help` is quick.

`python -m app --help` would otherwise import FastAPI and SQLAlchemy to print
ten lines.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class LazyCommand(TyperCommand):
    """Stands in for a command until it is run or asked for its own help."""

    def __init__(self, name: str, target: str, summary: str) -> None:
        """Name the command; nothing is imported yet.

        Args:
            name: what is typed.
            target: `module:attribute`, a function or a `typer.Typer`.
            summary: its line in the list of commands, which is the first
                line of the function's docstring.

        """
        super().__init__(name, help=summary)
        self.target = target

    def make_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Import the command, and let it read its own arguments."""
        return self.load().make_context(*args, **kwargs)

    def load(self) -> Any:  # noqa: ANN401 - Typer's own class is private
        """Import the command."""
        module, attribute = self.target.split(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        single = typer.Typer(add_completion=False)
        single.command(self.name)(found)
        return typer.main.get_command(single)


def command_line(text: str, *commands: LazyCommand) -> typer.Typer:
    """Make a command line of commands, in this order."""

    class Group(TyperGroup):
        def __init__(self, **given: Any) -> None:  # noqa: ANN401
            super().__init__(**given)
            for command in commands:
                self.add_command(command)

    cli = typer.Typer(
        cls=Group,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    # Typer makes a group only where there is a callback.
    cli.callback(help=text)(lambda: None)
    return cli
