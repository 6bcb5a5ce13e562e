"""Percentiles of the newest waits, in memory that does not grow."""

import pytest

from app.control.waits import Waits
from poolwatch import Book


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Room for three."""
    monkeypatch.setattr(Waits, "MOST", 3)
    return Waits()


def wait(waits: Waits, *seconds: float) -> None:
    for each in seconds:
        waits.waited(Book.__new__(Book), each)


def test_without_a_wait_all_times_are_0(waits: Waits) -> None:
    assert not any(waits.times().model_dump().values())


def test_the_newest_waits_count(waits: Waits) -> None:
    wait(waits, 9, 1, 3, 2)

    times = waits.times()

    assert (times.count, times.p50, times.longest) == (3, 2, 3)


def test_first_waits_are_left_out_also_those_that_are_forgotten(
    waits: Waits,
) -> None:
    wait(waits, 9, 1, 3, 2)

    assert waits.times(skip=1).count == 3
    assert waits.times(skip=3).longest == 2
    assert waits.times(skip=4).count == 0
