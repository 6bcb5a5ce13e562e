"""`check`: exit 0 if nothing leaked, 1 if something did.

`make check` runs all lessons; these are some, with every kind of fault.
"""

import json
import re
from collections.abc import Iterator

import psutil
import pytest

from app import analytics
from app.api import SERVICE
from lab.service import running_service
from tests.process.command import Command, run_here, running

FAULTS = {
    "orders": r"[1-9]\d* leaked by .* × app/orders/before\.py:\d+ ",
    "slow_call": r"[1-9]\d* held by .* × app/lessons/slow_call/before\.py:",
    "row_lock": r"1 blocked by .* × app/lessons/row_lock/before\.py:\d+ ",
    # After these two faults no connection is checked out any more.
    "nested_session": r"[1-9]\d* timed out by ",
    "engine_per_request": r"[1-9]\d* leaked by .* × in no pool of the service",
}


@pytest.mark.slow
@pytest.mark.parametrize("lesson", FAULTS)
def test_before_exits_1_and_names_the_line(
    database_url: str, lesson: str
) -> None:
    check = run_here(
        *("check", lesson, "--variant", "before"), DATABASE_URL=database_url
    )

    assert check.returncode == 1, check.stderr
    assert re.search(FAULTS[lesson], check.stdout, re.DOTALL)


@pytest.mark.slow
def test_after_exits_0_and_names_no_line(database_url: str) -> None:
    names = [lesson.name for lesson in SERVICE]
    check = run_here(
        *("check", *names, "--variant", "after"), DATABASE_URL=database_url
    )

    assert check.returncode == 0, check.stderr
    assert all(f"{lesson} after" in check.stdout for lesson in names)
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


@pytest.mark.slow
def test_no_proxy_is_used_for_this_machine(database_url: str) -> None:
    closed = "http://127.0.0.1:1"
    check = run_here(
        *("check", "websocket", "--variant", "after", "--requests", "1"),
        DATABASE_URL=database_url,
        HTTP_PROXY=closed,
        HTTPS_PROXY=closed,
        ALL_PROXY=closed,
        NO_PROXY="",
    )

    assert check.returncode == 0, check.stderr


@pytest.fixture(scope="module")
def both(database_url: str) -> Iterator[Command]:
    """One lesson, both variants, as JSON."""
    with running(
        "check", "analytics", "--json", DATABASE_URL=database_url
    ) as check:
        yield check


def test_a_lesson_that_does_as_its_card_says_exits_0(both: Command) -> None:
    assert both.exit_code() == 0, both.told


def test_json_has_every_scenario_of_both_variants(both: Command) -> None:
    both.exit_code()

    assert [
        (found["lesson"], found["version"], found["scenario"])
        for found in json.loads(both.printed)
    ] == [
        ("analytics", variant, scenario.name)
        for variant in ("before", "after")
        for scenario in analytics.lesson.scenarios
    ]


def test_json_counts_each_leak_by_its_line(both: Command) -> None:
    both.exit_code()

    for found in json.loads(both.printed):
        counted, variant = found["faults"], found["version"]
        stated = counted["expected"] if variant == "before" else 0
        assert counted["count"] == stated, found
        assert sum(counted["sites"].values()) == counted["count"]


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
