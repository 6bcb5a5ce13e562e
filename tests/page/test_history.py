"""What the page counts from one reading to the next."""

import pytest

from lab.page.history import MOMENTS, History
from lab.reading import Reading


def test_rates_are_of_the_time_between_two_readings() -> None:
    history = History()
    history.add(Reading(at=10, answered=100, failed=7), "answers")
    history.add(Reading(at=12, answered=140, failed=8), "answers")

    assert history.now is not None
    assert (history.now.answered, history.now.failed) == (20, 0.5)


def test_a_service_started_anew_answers_nothing_less_than_nothing() -> None:
    history = History()
    history.add(Reading(at=10, answered=100), "answers")
    history.add(Reading(at=11, answered=3), "answers")

    assert history.now is not None
    assert history.now.answered == 0
    assert history.zero == history.now.reading


def test_totals_begin_again_with_the_next_reading() -> None:
    history = History()
    history.add(Reading(at=10, answered=100), "answers")
    history.count_from_now()
    history.add(Reading(at=11, answered=130), "answers")
    history.add(Reading(at=12, answered=150), "answers")

    assert history.zero is not None
    assert history.zero.answered == 130


def test_it_remembers_so_much_and_no_more() -> None:
    history = History()
    for second in range(2 * MOMENTS):
        history.add(Reading(at=second), "answers")

    assert len(history.moments) == MOMENTS
    assert history.moments[0].reading.at == MOMENTS


@pytest.mark.parametrize("waited", [0, 50])
def test_the_wait_is_of_the_last_seconds_alone(waited: int) -> None:
    """Long waits before that are over."""
    history = History()
    for second in range(10):
        buckets = {0.1: waited * second, 10.0: 1000 + waited * second}
        history.add(Reading(at=second, wait_buckets=buckets), "answers")

    assert history.now is not None
    if waited:
        assert history.now.p95 == pytest.approx(0.095)
    else:
        assert history.now.p95 is None
