"""After anything at all, the ledger agrees with the pool and the server.

A hundred thousand random operations take some minutes:

    POOLWATCH_OPERATIONS=100000 pytest tests/poolwatch/test_random.py
"""

import asyncio
import gc
import logging
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from poolwatch import Ledger
from tests.garbage import ignored_warnings
from tests.poolwatch.conftest import Server
from tests.poolwatch.lender import Lender
from tests.poolwatch.lenders import LENDERS

SUITE = 2400
OPERATIONS = int(os.environ.get("POOLWATCH_OPERATIONS", SUITE))
"""Random operations, over all kinds of pools together."""
ROUND = 40
"""Operations on one pool, before it is closed and another one made."""

OPERATION = st.sampled_from(
    [
        *("borrow", "borrow", "borrow", "borrow", "borrow"),
        *("give_back", "give_back_twice", "drop", "invalidate", "detach"),
        *("terminate", "dispose", "time_out", "compare"),
    ]
)
ROUNDS = st.lists(
    st.tuples(OPERATION, st.integers(0, 99)), min_size=ROUND, max_size=ROUND
)


@pytest.fixture(autouse=True)
def unlogged() -> Iterator[None]:
    """Else pytest keeps the connections that psycopg_pool logs about."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(3600 if OPERATIONS > SUITE else 120)
@pytest.mark.parametrize("kind", LENDERS)
def test_the_ledger_agrees_with_the_pool_and_the_server(
    kind: str, server: Server
) -> None:
    done = 0

    @settings(
        max_examples=-(-OPERATIONS // len(LENDERS) // ROUND),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(ROUNDS)
    def play(operations: list[tuple[str, int]]) -> None:
        nonlocal done
        own = replace(server, name=f"{server.name}-{done}")
        with ignored_warnings():
            asyncio.run(_play(LENDERS[kind](own, Ledger()), operations))
            gc.collect()  # what the pool has kept goes with it
        done += len(operations)

    play()
    assert done >= OPERATIONS // len(LENDERS)


async def _play(lender: Lender, operations: list[tuple[str, int]]) -> None:
    await lender.open()
    for operation, number in operations:
        await lender.do(operation, number)
        assert lender.book.waiting == 0
    await lender.compare()
    await lender.close()
    assert not lender.book.loans
