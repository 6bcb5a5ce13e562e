"""`load`: a process that sends, and ends when it is told to."""

import asyncio
import json
from collections import Counter
from contextlib import suppress

import psutil
import pytest

from app import orders
from lab.load.arrivals import RequestResult, plan_arrivals
from lab.load.process import LoadFailedError, run_load
from tests.conftest import Service
from tests.process.command import run_here, running, wait_until

AWAY = "http://127.0.0.1:9"
"""Port 9, discard: nobody listens there."""


def loads() -> list[psutil.Process]:
    """This process's own."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a backend has ended
            if "load" in child.cmdline():
                found.append(child)
    return found


def test_prints_how_the_requests_ended() -> None:
    load = run_here("load", AWAY, "--rate", "20", "--seconds", "0.5")

    assert load.returncode == 0, load.stderr
    assert "10 arrivals: 10 disconnected" in load.stdout
    assert "sent late by" in load.stdout


def test_json_has_what_was_planned_for_the_seed() -> None:
    load = run_here(
        *("load", AWAY, "orders", "--json", "--seed", "3"),
        *("--rate", "20", "--seconds", "0.5"),
    )

    sent = [json.loads(line) for line in load.stdout.splitlines()]
    planned = plan_arrivals(20, 3, 0.5, [orders.lesson])
    assert sorted((each["offset"], each["scenario"]) for each in sent) == [
        (arrival.offset, arrival.scenario.name) for arrival in planned
    ]


def test_ctrl_c_ends_it_with_its_figures() -> None:
    with running("load", AWAY, "--rate", "20", "--json") as load:
        wait_until(lambda: load.printed)
        load.ctrl_c()

        assert load.exit_code() != 0
        assert "Traceback" not in load.told


async def test_as_a_process_it_records_each_outcome(service: Service) -> None:
    endings: Counter[str] = Counter()

    await run_load(
        str(service.client.base_url),
        lambda result: endings.update([result.ending]),
        rate=40,
        seed=1,
        seconds=1,
    )
    await service.client.post("/lab/reset")  # orders were processed

    assert endings == {"ok": 40}


async def test_cancelled_its_process_is_gone(service: Service) -> None:
    begun = asyncio.Event()
    others = loads()

    def record(_: RequestResult) -> None:
        begun.set()

    loading = asyncio.create_task(
        run_load(
            str(service.client.base_url), record, rate=40, seed=1, seconds=600
        )
    )
    await asyncio.wait_for(begun.wait(), 30)

    loading.cancel()
    await asyncio.wait({loading})

    await service.client.post("/lab/reset")
    assert loading.cancelled()
    assert loads() == others


async def test_a_load_that_cannot_begin_says_why() -> None:
    with pytest.raises(LoadFailedError, match="is not a URL"):
        await run_load("nowhere", lambda _: None, rate=1, seed=1, seconds=600)
