"""What the commands print and store; they run in this process."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app import orders
from lab.__main__ import cli
from lab.workshop.choice import NAMES
from lab.workshop.curl import lines_for
from lab.workshop.progress import LessonProgress, changed, read
from lab.workshop.quiz import options
from lab.workshop.score import RULES

pytestmark = pytest.mark.usefixtures("folder")

Type = Callable[..., Result]
HINTS = ("Look.", "Look closer.", "It is there.")


@pytest.fixture
def type_(monkeypatch: pytest.MonkeyPatch) -> Type:
    """Runs a command of the workshop, with input for its prompts."""
    told = replace(orders.lesson, hints=HINTS, story="Once upon a time.")
    monkeypatch.setitem(NAMES, "orders", told)

    def command(
        *arguments: str, then: str = "", columns: str = "200"
    ) -> Result:
        return CliRunner(env={"COLUMNS": columns}).invoke(
            cli, ["workshop", *arguments], input=then
        )

    return command


def done() -> LessonProgress:
    return read(print).of("orders")


def test_the_story_is_printed_first(type_: Type) -> None:
    started = type_("start", "orders", "--no-serve")

    assert "Once upon a time." in started.stdout


def test_commands_to_paste_are_not_wrapped_in_a_narrow_terminal(
    type_: Type,
) -> None:
    started = type_("start", "orders", "--no-serve", columns="40")

    assert {*lines_for(orders.lesson, 8000)} <= {*started.stdout.split("\n")}


def test_hint_prints_one_more_hint_each_time(
    type_: Type,
) -> None:
    told = [type_("hint", "orders").stdout for _ in range(4)]

    assert [text.count("Look") for text in told] == [1, 2, 2, 2]
    assert [HINTS[2] in text for text in told] == [False, False, True, True]
    assert done().hints == 3


def test_the_quiz_prompts_for_an_answer(type_: Type) -> None:
    number = number_of(orders.lesson.alternative_cure.what)

    answered = type_("quiz", "orders", then=f"{number}\n")

    assert answered.exit_code == 0
    assert f"✓  {orders.lesson.alternative_cure.what} " in answered.stdout
    assert done().quiz == 10


def test_a_wrong_answer_prints_only_its_own_reason(type_: Type) -> None:
    number = number_of(orders.lesson.trap.what)

    answered = type_("quiz", "orders", "--answer", str(number))

    assert answered.exit_code == 1
    assert f"{orders.lesson.trap.why[1:]}." in answered.stdout
    assert orders.lesson.alternative_cure.why[1:] not in answered.stdout
    assert (done().quiz, done().wrong_answers) == (None, 1)


def number_of(what: str) -> int:
    """Return the number of an answer in the quiz."""
    return [each.what for each in options(orders.lesson)].index(what) + 1


def test_the_solution_needs_a_confirmation(type_: Type) -> None:
    type_("start", "orders", "--no-serve")

    refused = type_("solution", "orders", then="n\n")
    assert (refused.exit_code, done().solution_seen) == (1, False)
    assert "+" not in refused.stdout

    shown = type_("solution", "orders", then="y\n")
    assert (shown.exit_code, done().solution_seen) == (0, True)
    assert "+    session: ReaderDep," in shown.stdout


def test_each_wrong_guess_is_counted(type_: Type) -> None:
    type_("start", "orders", "--no-serve")
    wrong = type_("find", "orders", "3")
    right = type_("find", "orders", "28")

    assert (wrong.exit_code, right.exit_code) == (1, 0)
    assert "8 points" in right.stdout
    assert (done().wrong_lines, done().found) == (1, 8)


def test_start_leaves_an_existing_file_unchanged(type_: Type) -> None:
    type_("start", "orders", "--no-serve")
    Path("workshop/orders.py").write_text("mine")

    again = type_("start", "orders", "--no-serve")

    assert "exists, and was not changed" in again.stderr
    assert Path("workshop/orders.py").read_text() == "mine"


def test_next_starts_the_first_unsolved_lesson(type_: Type) -> None:
    with changed(print) as progress:
        progress.of("orders").fix(dt.date(2026, 11, 24))

    type_("next", "--no-serve")

    assert Path("workshop/analytics.py").exists()
    assert read(print).last == "analytics"


@pytest.mark.parametrize(
    ("progress", "command"),
    [
        (LessonProgress(), "find orders LINE"),
        (LessonProgress(found=10), "check orders --watch"),
        (LessonProgress(found=10, fixed=20), "quiz orders"),
        (LessonProgress(found=10, fixed=20, quiz=10), "next"),
    ],
    ids=["started", "found", "fixed", "seen"],
)
def test_the_list_ends_with_the_next_command(
    type_: Type, progress: LessonProgress, command: str
) -> None:
    type_("start", "orders", "--no-serve")
    with changed(print) as all_done:
        all_done.lessons["orders"] = progress

    listed = type_().stdout

    assert f"{progress.points} of 680 points. Next:" in listed
    assert listed.rstrip().endswith(f"python -m lab workshop {command}")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["find", "orders", "3"], "error: workshop/orders.py does not exist"),
        (["check"], "error: no lesson was started"),
        (["check", "orders"], "error: workshop/orders.py does not exist"),
        (["reset"], "name a lesson, or pass --all"),
        (["quiz", "orders", "--answer", "9"], "9 is not between 1 and 5"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_fails_exits_2_and_prints_the_reason(
    type_: Type,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    refused = type_(*arguments)

    assert refused.exit_code == 2
    assert reason in refused.stderr + capfd.readouterr().err


@pytest.mark.parametrize("command", ["list", "summary"])
def test_nothing_is_cut_off_at_60_columns(type_: Type, command: str) -> None:
    with changed(print) as progress:
        for name in NAMES:
            progress.of(name).fix(dt.date(2026, 11, 24))

    shown = type_(command, columns="60").stdout

    assert all(len(line) <= 60 for line in shown.splitlines())
    assert "…" not in shown
    assert all(name in shown for name in NAMES)


def test_help_has_the_table_of_points(type_: Type) -> None:
    page = type_("--help").stdout

    for what, points, less in RULES:
        assert f"{what:16} {points:>3}  {less}" in page
