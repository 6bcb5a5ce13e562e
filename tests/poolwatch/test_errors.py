"""The error of an exhausted pool may be sent to another process, or copied."""

import copy
import pickle
from typing import Any

import pytest

from poolwatch import Ledger, PoolExhausted
from poolwatch.pools.ledger_gauge import UncountedGauge
from poolwatch.pools.psycopg import PsycopgPoolExhausted
from poolwatch.pools.sqlalchemy import SQLAlchemyPoolExhausted


@pytest.fixture(
    params=[PoolExhausted, SQLAlchemyPoolExhausted, PsycopgPoolExhausted]
)
def error(request: pytest.FixtureRequest, ledger: Ledger) -> PoolExhausted:
    kind: type[PoolExhausted] = request.param
    return kind.of(ledger.open_book("orders", UncountedGauge()))


def pickled(error: PoolExhausted) -> object:
    return pickle.loads(pickle.dumps(error))  # noqa: S301 - our own


@pytest.mark.parametrize("send", [pickled, copy.copy])
def test_what_arrives_is_what_was_sent(
    error: PoolExhausted,
    send: Any,  # noqa: ANN401
) -> None:
    error.add_note("while paying")
    arrived = send(error)
    assert type(arrived) is type(error)
    assert (
        str(arrived) == str(error) == "pool 'orders' exhausted: 0 checked out"
    )
    assert vars(arrived) == vars(error)
    assert (arrived.pool, arrived.explanation) == ("orders", "0 checked out")
