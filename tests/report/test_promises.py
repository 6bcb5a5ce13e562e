"""What the demonstration promises, and when it is broken."""

from dataclasses import replace
from typing import Any

import pytest

from app.lesson import Variant
from lab.report.figures import promises
from tests.report.records import LEAKY, RECORD


def test_a_run_that_shows_the_leak_keeps_all() -> None:
    assert list(promises(RECORD).values()) == [True] * 8


@pytest.mark.parametrize(
    ("variant", "change", "broken"),
    [
        ("before", {"leaked": 0}, "before leaks connections"),
        ("before", {"exhausted": []}, "before exhausts a pool"),
        ("before", {"timeouts": 0}, "before lets requests time out"),
        ("before", {"restarts": 0}, "before would have been restarted"),
        ("after", {"leaked": 1}, "after leaks nothing"),
        ("after", {"timeouts": 1}, "after lets no request time out"),
        ("after", {"restarts": 1}, "after would not have been restarted"),
        (
            "after",
            {"fates": {"answered": 99, "not sent": 1}},
            "after answers every request",
        ),
    ],
)
def test_each_is_broken_by_one_figure(
    variant: Variant, change: dict[str, Any], broken: str
) -> None:
    measured = replace(RECORD.variants[variant], **change)
    record = replace(RECORD, variants=RECORD.variants | {variant: measured})

    kept = promises(record)

    assert [promise for promise, holds in kept.items() if not holds] == [
        broken
    ]


def test_of_what_was_not_measured_nothing_is_promised() -> None:
    record = replace(RECORD, variants={"before": LEAKY})

    assert all(promise.startswith("before") for promise in promises(record))
