"""A loan may end while OpenTelemetry's SDK has its locks, which are not
re-entrant: no thread may wait for itself."""

import gc
import threading
from typing import Any

import pytest
from opentelemetry.sdk.metrics import (
    AlwaysOnExemplarFilter,
    ExemplarReservoir,
    Histogram,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality
from opentelemetry.sdk.metrics.view import View
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

import poolwatch
from poolwatch import Ledger
from poolwatch.metrics.opentelemetry import Exporter
from tests.poolwatch.conftest import PATIENCE, Server
from tests.poolwatch.telemetry import Telemetry

USE_TIME = "db.client.connection.use_time"


class Interrupted(ExemplarReservoir):
    """Runs the garbage collector while the SDK has its locks."""

    def __init__(self, during: str) -> None:
        self._during = during

    def offer(self, *_: object) -> None:
        if self._during == "record":
            gc.collect()

    def collect(self, *_: object) -> list[Any]:
        if self._during == "collect":
            gc.collect()
        return []


@pytest.mark.parametrize("during", ["record", "collect"])
def test_a_loan_may_be_reclaimed_while_the_sdk_has_its_locks(
    server: Server, ledger: Ledger, during: str
) -> None:
    telemetry = Telemetry(
        {Histogram: AggregationTemporality.DELTA},
        exemplar_filter=AlwaysOnExemplarFilter(),
        views=[
            View(
                instrument_name=USE_TIME,
                exemplar_reservoir_factory=lambda _: (
                    lambda **_: Interrupted(during)
                ),
            )
        ],
    )
    Exporter(ledger, telemetry.provider)
    engine = create_engine(server.engine_url("psycopg"))
    book = poolwatch.watch(engine, "orders", ledger)
    recorded: list[int] = []

    def leak_and_collect() -> None:
        Session(engine).execute(text("SELECT 1"))
        engine.connect().close()
        for _ in range(2):
            use_time = telemetry.points(USE_TIME).values()
            recorded.extend(point.count for point in use_time)

    thread = threading.Thread(target=leak_and_collect, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it waits for itself"
    assert book.garbage_collected == 1
    assert sum(recorded) == 2
    engine.dispose()
