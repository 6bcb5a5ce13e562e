"""What the commands ask and keep, told without a process of their own."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from typer.testing import CliRunner, Result

from app import orders
from app.__main__ import cli
from app.cli.choice import NAMES
from app.lab.workshop.progress import LessonProgress, read
from app.lab.workshop.score import RULES
from app.lab.workshop.trap import options

pytestmark = pytest.mark.usefixtures("folder")

Type = Callable[..., Result]
HINTS = ("Look.", "Look closer.", "It is there.")


@pytest.fixture
def type_(monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types a command of the workshop, and what it asks for."""
    told = replace(orders.lesson, hints=HINTS, story="Once upon a time.")
    monkeypatch.setitem(NAMES, "orders", told)

    def command(*arguments: str, then: str = "") -> Result:
        return CliRunner(env={"COLUMNS": "200"}).invoke(
            cli, ["workshop", *arguments], input=then
        )

    return command


def done() -> LessonProgress:
    return read(print).of("orders")


def test_the_story_is_told_first(type_: Type) -> None:
    started = type_("start", "orders", "--no-serve")

    assert "Once upon a time." in started.stdout


def test_each_time_there_is_one_hint_more_while_there_are_any(
    type_: Type,
) -> None:
    told = [type_("hint", "orders").stdout for _ in range(4)]

    assert [text.count("Look") for text in told] == [1, 2, 2, 2]
    assert [HINTS[2] in text for text in told] == [False, False, True, True]
    assert done().hints == 3


def test_the_trap_asks_for_an_answer(type_: Type) -> None:
    number = next(
        number
        for number, each in enumerate(options(orders.lesson), start=1)
        if each.right
    )

    answered = type_("trap", "orders", then=f"{number}\n")

    assert answered.exit_code == 0
    assert done().trap == 10


def test_a_solution_is_shown_to_whoever_says_yes(type_: Type) -> None:
    type_("start", "orders", "--no-serve")

    refused = type_("solution", "orders", then="n\n")
    assert (refused.exit_code, done().solution_seen) == (1, False)
    assert "+" not in refused.stdout

    shown = type_("solution", "orders", then="y\n")
    assert (shown.exit_code, done().solution_seen) == (0, True)
    assert "+    session: ReaderDep," in shown.stdout


def test_help_has_the_table_of_points(type_: Type) -> None:
    page = type_("--help").stdout

    for what, points, less in RULES:
        assert f"{what:16} {points:>3}  {less}" in page
