"""What a run should show, and which figure breaks each expectation."""

from dataclasses import replace
from typing import Any

import pytest

from app.lesson import Variant
from lab.report.figures import expectations
from tests.report.runs import LEAKY, RUN


def test_a_run_that_shows_the_leak_meets_all() -> None:
    assert list(expectations(RUN).values()) == [True] * 8


@pytest.mark.parametrize(
    ("variant", "change", "broken"),
    [
        ("before", {"leaked": 0}, "before leaks connections"),
        ("before", {"samples": []}, "before exhausts a pool"),
        ("before", {"timeouts": 0}, "before lets requests time out"),
        ("before", {"restarts": 0}, "before would have been restarted"),
        ("after", {"leaked": 1}, "after leaks nothing"),
        ("after", {"timeouts": 1}, "after lets no request time out"),
        ("after", {"restarts": 1}, "after would not have been restarted"),
        (
            "after",
            {"endings": {"ok": 99, "not sent": 1}},
            "after answers every request",
        ),
    ],
)
def test_each_is_broken_by_one_figure(
    variant: Variant, change: dict[str, Any], broken: str
) -> None:
    measured = replace(RUN.variants[variant], **change)
    run = replace(RUN, variants=RUN.variants | {variant: measured})

    kept = expectations(run)

    assert [name for name, holds in kept.items() if not holds] == [broken]


def test_a_variant_that_was_not_measured_has_none() -> None:
    run = replace(RUN, variants={"before": LEAKY})

    assert all(name.startswith("before") for name in expectations(run))
