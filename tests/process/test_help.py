"""`--help`: what a stranger reads first."""

import inspect
import subprocess
import sys

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from app.__main__ import cli as app
from app.cli.lazy import LazyCommand
from lab.__main__ import cli as lab

SERVICE = ("serve", "migrate", "seed", "budget")
LAB = (
    *("demo", "report", "serve", "page", "workshop", "lessons"),
    *("check", "load", "bench", "bench-poolwatch"),
)
each_command = pytest.mark.parametrize(
    ("cli", "name"),
    [*((app, name) for name in SERVICE), *((lab, name) for name in LAB)],
    ids=[*(f"app {name}" for name in SERVICE), *(f"lab {n}" for n in LAB)],
)


@pytest.mark.parametrize(
    ("command", "names"), [("app", SERVICE), ("lab", LAB)]
)
def test_help_names_every_command(command: str, names: tuple[str]) -> None:
    cli = {"app": app, "lab": lab}[command]
    page = CliRunner().invoke(cli, ["--help"], env={"COLUMNS": "300"}).stdout

    listed = page.partition("Commands")[2].splitlines()
    found = [words[1] for line in listed if len(words := line.split()) > 2]

    assert tuple(found) == names


def test_help_imports_no_web_framework_and_no_driver() -> None:
    """A newcomer types it first: it must not take a second."""
    heavy = {"fastapi", "sqlalchemy", "asyncpg", "pydantic", "uvicorn"}
    for command in ("app", "lab"):
        timed = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )

        lines = timed.stderr.splitlines()
        imported = {line.rpartition("|")[2].strip() for line in lines}
        assert "typer" in imported
        assert not heavy & imported


@each_command
def test_its_line_is_the_first_of_its_docstring(
    cli: typer.Typer, name: str
) -> None:
    lazy = get_command(cli).commands[name]  # type: ignore[attr-defined]
    assert isinstance(lazy, LazyCommand)

    whole = inspect.cleandoc(lazy.load().help or "")

    assert whole.splitlines()[0] == lazy.help


@each_command
def test_help_explains_every_option(cli: typer.Typer, name: str) -> None:
    parameters = get_command(cli).commands[name].load().params  # type: ignore[attr-defined]

    # On lines that are wide enough.
    told = CliRunner().invoke(cli, [name, "--help"], env={"COLUMNS": "300"})

    assert told.exit_code == 0
    for parameter in parameters:
        if parameter.param_type_name == "option":
            assert parameter.opts[0] in told.stdout
        assert parameter.help
        assert parameter.help in told.stdout
