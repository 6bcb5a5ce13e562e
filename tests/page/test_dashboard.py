"""What the page makes of readings: the headline, charts, message and load."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from app import orders
from app.flags import Flags
from app.settings import Settings
from lab.page.charts import pool_options, rates_options
from lab.page.control_client import ControlClient
from lab.page.dashboard import MESSAGE_SECONDS, Dashboard
from lab.page.headline import headline
from lab.page.history import POINTS, History
from lab.page.lesson_load import LessonLoad
from lab.reading import LineReading, PoolReading, Reader, Reading
from tests.conftest import TOKEN, Service

NOWHERE = "http://127.0.0.1:1"
BEFORE = {
    "state": "ENABLED",
    "variants": {"before": "before", "after": "after"},
    "defaultVariant": "before",
}
FULL = PoolReading("engine", 30, 30, 0, waiting=120, timeouts=0, leaks=30)
LEAK = LineReading(
    "app/orders/before.py:74 get_order", "leaked", "engine", 30, 9
)


@pytest.fixture
def dashboard() -> Dashboard:
    """One of a service that is not there."""
    return Dashboard(
        Reader(NOWHERE, NOWHERE, TOKEN, "postgresql://nowhere"),
        ControlClient(NOWHERE, NOWHERE, TOKEN),
        LessonLoad(NOWHERE),
    )


def test_rates_are_those_between_two_readings() -> None:
    history = History()
    history.add(Reading(at=10, answered=100, failed=7), "up")
    history.add(Reading(at=12, answered=140, failed=8), "up")

    assert history.now is not None
    assert (history.now.answered, history.now.failed) == (20, 0.5)


def test_a_restarted_service_counts_from_its_own_zero() -> None:
    history = History()
    history.add(Reading(at=10, answered=100), "up")
    history.add(Reading(at=11, answered=3), "up")

    assert history.now is not None
    assert history.now.answered == 0
    assert history.zero == history.now.reading


def test_totals_restart_at_the_reading_after_a_reset() -> None:
    history = History()
    history.add(Reading(at=10, answered=100), "up")
    history.count_from_now()
    history.add(Reading(at=11, answered=130), "up")
    history.add(Reading(at=12, answered=150), "up")

    assert history.zero is not None
    assert history.zero.answered == 130


def test_a_day_of_readings_and_actions_is_bounded() -> None:
    history = History()
    for second in range(24 * 60 * 60):
        history.add(Reading(at=second), "up")
        history.mark(second, "load off")

    assert len(history.points) == POINTS
    assert history.points[0].reading.at == second + 1 - POINTS
    assert len(history.marks) == 20


@pytest.mark.parametrize("waited", [0, 50])
def test_long_waits_that_are_over_leave_the_percentile(waited: int) -> None:
    history = History()
    for second in range(10):
        buckets = {0.1: waited * second, 10.0: 1000 + waited * second}
        history.add(Reading(at=second, wait_buckets=buckets), "up")

    assert history.now is not None
    assert history.now.p95 == (pytest.approx(0.095) if waited else None)


def test_waiting_requests_do_not_shrink_the_connections() -> None:
    history = History()
    history.add(Reading(at=10, pools=(FULL,), lines=(LEAK,)), "up")

    options = pool_options(history, "engine")

    connections, waiting = options["yAxis"]
    assert (connections["max"], waiting["max"]) == (30, 120)
    axes = {
        each["name"]: each.get("yAxisIndex", 0) for each in options["series"]
    }
    assert axes == {
        "leaked": 0,
        "in use": 0,
        "idle": 0,
        "waiting": 1,
        "limit": 0,
    }


def test_a_spike_after_a_reset_leaves_the_other_seconds_their_height() -> None:
    history = History()
    for second in range(60):
        history.add(Reading(at=second, answered=20 * second), "up")
    history.add(Reading(at=60, answered=60 * 20, timeouts=400), "up")

    options = rates_options(history, least=0)

    assert options["yAxis"][0]["max"] == 30
    [peak] = options["series"][0]["markPoint"]["data"]
    assert peak["value"] == 400


def test_old_figures_are_called_old(dashboard: Dashboard) -> None:
    now = time.time()
    dashboard.history.add(Reading(at=now, loans_at=now - 12), "up")
    assert headline(dashboard).state == "These figures are 12 s old."

    dashboard.history.add(Reading(at=now, loans_at=now), "up")
    assert headline(dashboard).level == "good"


def test_a_leak_that_fills_no_pool_is_a_warning(dashboard: Dashboard) -> None:
    now = time.time()
    pool = replace(FULL, lent=4, waiting=0)
    line = replace(LEAK, loans=1)
    reading = Reading(at=now, loans_at=now, pools=(pool,), lines=(line,))
    dashboard.history.add(reading, "up")

    found = headline(dashboard)

    assert (found.level, found.state) == (
        "warning",
        "Leak: 1 connection outlived its request.",
    )
    assert found.reason == "1 from app/orders/before.py:74 get_order."


def test_connections_outside_the_pools_are_a_leak(
    dashboard: Dashboard,
) -> None:
    now = time.time()
    server = {"idle": 60}
    dashboard.history.add(Reading(at=now, loans_at=now, server=server), "up")

    assert "60 connections that no pool knows" in headline(dashboard).state


async def test_an_old_message_disappears(dashboard: Dashboard) -> None:
    await dashboard.stop_load()
    assert "The load is off." in dashboard.status_line

    dashboard.since -= MESSAGE_SECONDS + 1

    assert dashboard.status_line == ""


async def test_a_rate_above_the_limit_is_reported() -> None:
    load = LessonLoad(NOWHERE)

    said = await load.start(orders.lesson, rate=500)
    await load.stop()

    assert said.startswith("200 requests per second")
    assert said.endswith("500 is above this page's limit of 200.")


async def test_no_load_survives_starts_and_stops_at_the_same_time() -> None:
    load = LessonLoad(NOWHERE)
    tasks = asyncio.all_tasks()

    await load.start(orders.lesson, rate=10)
    await asyncio.gather(
        load.start(orders.lesson, rate=20),
        load.stop(),
        load.start(orders.lesson, rate=30),
        load.stop(),
    )

    assert not load.is_on
    assert asyncio.all_tasks() == tasks


@pytest.mark.usefixtures("dead_proxy")
@pytest.mark.parametrize(
    "edited",
    [
        BEFORE,
        BEFORE | {"defaultVariant": "after"},
        BEFORE | {"state": "DISABLED"},
        {name: BEFORE[name] for name in ("state", "variants")},
    ],
    ids=["before", "after", "disabled", "no default"],
)
async def test_an_edited_flag_is_read_as_the_service_reads_it(
    service: Service, settings: Settings, edited: dict[str, Any]
) -> None:
    settings.flags_file.write_text(json.dumps({"flags": {"orders": edited}}))
    flags = Flags(settings.flags_file)
    flags.open()
    variant = flags.variant("orders", "anybody")
    flags.close()

    url = str(service.client.base_url)
    async with ControlClient(url, url, TOKEN) as client:
        assert await client.flags() == {"orders": variant}
