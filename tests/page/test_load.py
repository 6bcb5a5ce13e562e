"""One load at a time, whoever starts and stops it, and how often."""

import asyncio

from app import orders
from lab.page.load import Load

NOWHERE = "http://127.0.0.1:1"


async def test_no_load_outlives_calls_that_come_side_by_side() -> None:
    load = Load(NOWHERE)
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
