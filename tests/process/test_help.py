"""`--help`: what a stranger reads first."""

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from app.__main__ import cli
from tests.process.command import run

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


def test_help_names_every_command() -> None:
    page = run("--help", COLUMNS="300").stdout

    listed = page.partition("Commands")[2].splitlines()
    names = [words[1] for line in listed if len(words := line.split()) > 2]

    assert tuple(names) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_option(command: str) -> None:
    whole = get_command(cli)
    parameters = whole.commands[command].params  # type: ignore[attr-defined]

    # On lines that are wide enough.
    told = CliRunner().invoke(cli, [command, "--help"], env={"COLUMNS": "300"})

    assert told.exit_code == 0
    for parameter in parameters:
        if parameter.param_type_name == "option":
            assert parameter.opts[0] in told.stdout
        assert parameter.help
        assert parameter.help in told.stdout
