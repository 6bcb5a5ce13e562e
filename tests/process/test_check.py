"""`check`: exit 0 if nothing leaked, 1 if something did.

`make check` runs all lessons; these are some, with every kind of fault.
"""

import json
import re

import psutil
import pytest

from app import analytics
from app.lesson import Variant
from lab.check.faults import FaultCount
from lab.service import running_service
from tests.process.command import run_here

FAULTS = {
    "orders": r"[1-9]\d* leaked by .* × app/orders/before\.py:\d+ ",
    "slow_call": r"[1-9]\d* held by .* × app/lessons/slow_call/before\.py:",
    "row_lock": r"1 blocked by .* × app/lessons/row_lock/before\.py:\d+ ",
    # After these two faults no connection is checked out any more.
    "nested_session": r"[1-9]\d* timed out by ",
    "engine_per_request": r"[1-9]\d* leaked by .* × in no pool of the service",
}


def test_before_exits_1_and_names_each_line(database_url: str) -> None:
    check = run_here(
        *("check", *FAULTS, "--variant", "before"), DATABASE_URL=database_url
    )

    assert check.returncode == 1, check.stderr
    for lesson, fault in FAULTS.items():
        part = check.stdout.partition(f"{lesson} before")[2]
        assert re.search(fault, part, re.DOTALL), check.stdout


@pytest.mark.usefixtures("dead_proxy")
def test_after_exits_0_names_no_line_and_uses_no_proxy(
    database_url: str,
) -> None:
    check = run_here(
        *("check", "websocket", "--variant", "after"),
        DATABASE_URL=database_url,
    )

    assert check.returncode == 0, check.stderr
    assert "websocket after" in check.stdout
    assert ".py:" not in check.stdout


@pytest.mark.slow
def test_its_service_is_one_process_whatever_the_environment(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of two processes would report its own counts."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("WEB_CONCURRENCY", "2")

    with running_service() as service:
        assert not psutil.Process(service.pid).children()


def test_json_counts_each_scenario_of_both_variants_by_its_lines(
    database_url: str,
) -> None:
    check = run_here("check", "analytics", "--json", DATABASE_URL=database_url)

    assert check.returncode == 0, check.stderr
    outcomes = json.loads(check.stdout)
    assert [
        (found["lesson"], found["version"], found["scenario"])
        for found in outcomes
    ] == [
        ("analytics", variant, scenario.name)
        for variant in ("before", "after")
        for scenario in analytics.lesson.scenarios
    ]
    for found in outcomes:
        faults, before = found["faults"], found["version"] == "before"
        assert faults["count"] == (faults["expected"] if before else 0), found
        assert sum(faults["sites"].values()) == faults["count"]


@pytest.mark.parametrize(
    ("variant", "count", "expected", "holds"),
    [
        ("before", 10, 10, True),
        ("before", 0, 10, False),
        ("before", 1, None, True),
        ("before", 0, None, False),
        ("before", 1, 0, False),
        ("after", 0, 10, True),
        ("after", 1, 10, False),
    ],
)
def test_before_must_have_its_fault_and_after_none(
    variant: Variant, count: int, expected: int | None, *, holds: bool
) -> None:
    faults = FaultCount("leaked", 10, count, expected, {})

    assert faults.is_as_expected(variant) is holds


def test_more_requests_than_the_pool_has_still_exit_1(
    database_url: str,
) -> None:
    check = run_here(
        *("check", "analytics", "--variant", "before"),
        *("--requests", "100", "--concurrency", "100"),
        DATABASE_URL=database_url,
    )

    assert check.returncode == 1, check.stderr
    assert "20 leaked by 100 requests" in check.stdout


@pytest.mark.slow
def test_a_trap_that_does_not_help_exits_0_and_says_why(
    database_url: str,
) -> None:
    check = run_here(
        "check", "analytics", "--with-trap", DATABASE_URL=database_url
    )

    assert check.returncode == 0, check.stderr
    trap = analytics.lesson.trap
    said = " ".join(check.stdout.replace("│", "").split())
    assert f"analytics trap: {trap.what}; {trap.why}" in said
