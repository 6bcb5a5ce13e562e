"""The table and the sentence above it, from one run's own figures."""

import re
from dataclasses import replace

import pytest
from rich.console import Console

from lab.report.figures import Row, conclusion, duration, rows
from lab.report.table import table
from tests.report.runs import FIXED, LEAKY, RUN


def row(name: str) -> Row:
    (found,) = (each for each in rows(RUN) if each.name == name)
    return found


def test_each_pool_has_a_row_of_its_own() -> None:
    asyncpg, engine = row("asyncpg pool"), row("engine pool")

    assert asyncpg.measured == {"before": "20/20 exhausted", "after": "1/20"}
    assert engine.measured == {"before": "18/30", "after": "2/30"}


def test_open_and_reclaimed_leaks_add_up() -> None:
    names = ("leaked connections", "reclaimed by GC", "open at the end")

    assert [row(name).measured["before"] for name in names] == [
        "60",
        "22",
        "38",
    ]


def test_timeouts_are_given_per_minute_of_load() -> None:
    assert row("timed-out waits").measured["before"] == "240/min"


def test_memory_of_a_leak_is_given_for_both_sides() -> None:
    assert row("in the service").measured["before"] == "0.03 MiB"
    assert row("in PostgreSQL").measured["before"] == "1.00 MiB"
    assert row("in PostgreSQL").measured["after"] == ""


def test_a_short_run_claims_no_growth_per_hour() -> None:
    assert row("service's memory").measured["before"] == "+9.0 MiB"
    assert set(row("per hour").measured.values()) == {"too short to tell"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5.2, "5.20 s"),
        (0.0153, "15 ms"),
        (0.0004, "0.4 ms"),
        (None, "not measured"),
    ],
)
def test_durations_keep_their_digits(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_nothing_is_cut_off_at_80_columns() -> None:
    big = replace(LEAKY, leaked=12_345, timeouts=9_876)
    console = Console(width=80)
    with console.capture() as printed:
        console.print(
            table(replace(RUN, variants=RUN.variants | {"before": big}))
        )

    text = printed.get()
    assert "…" not in text
    words = set(re.findall(r"\S+", text))
    for each in rows(RUN):
        assert words >= set(each.name.split()) | set(
            " ".join(each.claimed.values()).split()
        )
    assert words >= {"exhausted", "short", "59,256/min"}


def test_the_conclusion_is_the_runs_own() -> None:
    assert conclusion(RUN) == (
        "Before leaked 60 connections, exhausted the asyncpg pool and failed"
        " 80 of 100 requests; after leaked nothing, exhausted no pool and"
        " answered all 100 requests."
    )


def test_the_conclusion_of_a_bad_run_says_so() -> None:
    full = replace(FIXED.samples[0], in_use={"asyncpg": 20, "engine": 30})
    bad = replace(
        FIXED, leaked=3, samples=[full], endings={"ok": 9, "timeout": 1}
    )

    assert conclusion(replace(RUN, variants={"after": bad})) == (
        "After leaked 3 connections, exhausted the asyncpg and engine pools"
        " and failed 1 of 10 requests."
    )
