"""Slopes of memory, and how sure they are."""

from dataclasses import replace

import pytest

from lab.report.figures import said
from lab.report.growth import HOUR, MIB, Slope, per_1000_leaked, per_hour
from tests.report.records import FIXED, LEAKY, RECORD


def test_growth_is_carried_to_an_hour_client_and_server_apart() -> None:
    growth = per_hour(LEAKY)

    assert growth.client
    assert growth.server
    assert growth.client.value == pytest.approx(1 * HOUR)
    assert growth.server.value == pytest.approx(2 * HOUR)
    assert growth.client.error == pytest.approx(0, abs=1e-6)


def test_what_comes_after_the_arrivals_is_no_growth() -> None:
    last = LEAKY.samples[-1]
    tail = [
        replace(last, at=10.0 + n, service_bytes=0, backends_bytes=0)
        for n in range(1, 9)
    ]

    growth = per_hour(replace(LEAKY, samples=LEAKY.samples + tail))

    assert growth == per_hour(LEAKY)


def test_memory_that_stays_does_not_grow() -> None:
    growth = per_hour(FIXED)

    assert growth.client == Slope(0, 0)


def test_a_leak_costs_what_each_step_adds() -> None:
    growth = per_1000_leaked(RECORD)

    assert growth.client
    assert growth.server
    assert growth.client.value == pytest.approx(1000 / 32)
    assert growth.server.value == pytest.approx(1000)


def test_a_slope_that_drowns_in_its_error_cannot_be_measured() -> None:
    noise = [
        replace(sample, service_bytes=(100 + number % 2) * MIB)
        for number, sample in enumerate(LEAKY.samples)
    ]

    slope = per_hour(replace(LEAKY, samples=noise)).client

    assert slope
    assert slope.error > abs(slope.value)
    assert said(slope) == "not measurable"


def test_too_few_samples_and_unread_memory_are_not_measured() -> None:
    few = replace(LEAKY, samples=LEAKY.samples[:3])
    unread = replace(
        LEAKY,
        samples=[replace(s, backends_bytes=None) for s in LEAKY.samples],
    )

    assert per_hour(few).client is None
    assert per_hour(unread).server is None
    assert said(None) == "not measured"


@pytest.mark.parametrize(
    ("slope", "text"),
    [
        (Slope(1303.5, 6.4), "1,304 ±6"),
        (Slope(40.27, 0.37), "40.3 ±0.4"),
        (Slope(-5.0, 2.0), "-5 ±2"),
    ],
)
def test_a_slope_is_said_with_its_error(slope: Slope, text: str) -> None:
    assert said(slope) == text
