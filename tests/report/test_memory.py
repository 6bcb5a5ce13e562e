"""How memory grew, and when a rate per hour may be given."""

from dataclasses import replace
from random import Random

import pytest

from lab.report.demo_run import VariantResult
from lab.report.figures import rate
from lab.report.memory import MIB, growth, per_hour, per_leak
from tests.report.runs import FIXED, LEAKY, RUN, longer


def test_growth_is_what_the_load_added() -> None:
    assert growth(LEAKY, "service") == 9
    assert growth(LEAKY, "PostgreSQL") == 18
    assert growth(FIXED, "service") == 0


def test_samples_after_the_last_arrival_do_not_count() -> None:
    last = LEAKY.samples[-1]
    tail = [replace(last, at=10.0 + n, service_bytes=0) for n in range(1, 9)]

    later = replace(LEAKY, samples=LEAKY.samples + tail)

    assert growth(later, "service") == growth(LEAKY, "service")


def test_memory_that_could_not_be_read_is_unknown() -> None:
    unread = [replace(s, postgresql_bytes=None) for s in LEAKY.samples]

    assert growth(replace(LEAKY, samples=unread), "PostgreSQL") is None


def test_a_short_run_has_no_rate_per_hour() -> None:
    assert rate(per_hour(longer(419, each_hour=6), "service")) == (
        "too short to tell"
    )


def test_a_long_run_has_a_rate_without_its_warm_up() -> None:
    slope = per_hour(longer(420, each_hour=6), "service")

    assert slope
    assert slope.value == pytest.approx(6, abs=0.01)
    assert rate(slope) == "6.0 ±0.0 MiB/h"


def test_one_step_is_within_the_error() -> None:
    """As the allocator and the kernel make them."""
    slope = per_hour(
        _with([8 * MIB * (second > 430) for second in range(600)]), "service"
    )

    assert slope
    assert slope.value < slope.error


def test_steps_up_and_down_are_no_growth() -> None:
    steps = [8 * MIB * (second // 90 % 2) for second in range(600)]

    assert rate(per_hour(_with(steps), "service")) == "0.0 ±0.0 MiB/h"


def test_growth_by_steps_is_growth() -> None:
    slope = per_hour(
        _with([MIB * (second // 100) for second in range(600)]), "service"
    )

    assert slope
    assert slope.value == pytest.approx(36, abs=slope.error)
    assert slope.error < 5


def test_noise_widens_the_error() -> None:
    random = Random(1)  # noqa: S311 - noise

    slope = per_hour(
        _with([random.randrange(MIB) for _ in range(600)]), "service"
    )

    assert slope
    assert 0 < abs(slope.value) < 3 * slope.error


def _with(noise: list[int]) -> VariantResult:
    quiet = longer(600, each_hour=0)
    return replace(
        quiet,
        samples=[
            replace(sample, service_bytes=sample.service_bytes + more)
            for sample, more in zip(quiet.samples, noise, strict=True)
        ],
    )


def test_a_leak_costs_what_each_step_adds() -> None:
    service, server = per_leak(RUN, "service"), per_leak(RUN, "PostgreSQL")

    assert service
    assert server
    assert service.value == pytest.approx(1 / 32)
    assert server.value == pytest.approx(1)
    assert per_leak(replace(RUN, leak_steps=[]), "service") is None
