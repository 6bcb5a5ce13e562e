"""`--help`: what a stranger reads first."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from typer.main import get_command

from app.__main__ import cli
from tests.process.command import running

COMMANDS = (
    "serve",
    "migrate",
    "seed",
    "budget",
    "lessons",
    "lab",
    "check",
    "demo",
    "report",
    "load",
    "bench",
    "bench-poolwatch",
    "workshop",
)


@pytest.fixture(scope="module")
def pages() -> Iterator[dict[str, str]]:
    """Every command's `--help`, on lines that are wide enough."""
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(
                running(*name.split(), "--help", COLUMNS="300")
            )
            for name in ("", *COMMANDS)
        }
        assert not any(page.exit_code() for page in started.values())
        yield {name: page.printed for name, page in started.items()}


def test_help_names_every_command(pages: dict[str, str]) -> None:
    listed = pages[""].partition("Commands")[2].splitlines()
    names = [words[1] for line in listed if len(words := line.split()) > 2]

    assert tuple(names) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_option(
    pages: dict[str, str], command: str
) -> None:
    whole = get_command(cli)
    parameters = whole.commands[command].params  # type: ignore[attr-defined]

    for parameter in parameters:
        if parameter.param_type_name == "option":
            assert parameter.opts[0] in pages[command]
        assert parameter.help
        assert parameter.help in pages[command]
