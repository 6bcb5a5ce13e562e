"""`GET /metrics`: HTTP, both pools, and what the server itself counts.

The write-up's gauges keep their names and get a label `pool`. At each scrape
they read what the pool has open. The write-up computes idle as `size() -
checkedout()`, and overflow as `overflow()`. In a fresh pool of 20, which has
opened no connection, that gives 20 and -20.
"""

from collections.abc import Iterator

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_fastapi_instrumentator import Instrumentator

from app.web.loans_source import SourceDep
from poolwatch import Ledger
from poolwatch.metrics.prometheus import Exporter


class PoolGauges(Collector):
    """The write-up's four gauges, read from the pools at each scrape."""

    def __init__(self, ledger: Ledger) -> None:
        """Read the pools of this ledger."""
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        """Read every pool as it is now."""
        total, active, idle, overflow = (
            GaugeMetricFamily(
                f"db_pool_connections_{name}", text, labels=["pool"]
            )
            for name, text in (
                ("total", "Pool size: connections it keeps"),
                ("active", "Connections that are checked out"),
                ("idle", "Open connections that are not checked out"),
                ("overflow", "Open connections beyond the pool size"),
            )
        )
        for book in self._ledger.books.values():
            total.add_metric([book.name], book.gauge.size())
            active.add_metric([book.name], book.gauge.checked_out())
            idle.add_metric([book.name], book.gauge.idle())
            overflow.add_metric([book.name], book.gauge.overflow())
        yield from (total, active, idle, overflow)


def install(app: FastAPI, ledger: Ledger, registry: CollectorRegistry) -> None:
    """Measure every request, and mount `/metrics`."""
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(PoolGauges(ledger))
    Exporter(ledger, registry)
    Instrumentator(registry=registry).instrument(app)
    router = APIRouter(tags=["probes"])

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics(source: SourceDep) -> Response:
        """Show all metrics in Prometheus' text format, every worker's."""
        return Response(await source.metrics(), media_type=CONTENT_TYPE_LATEST)

    app.include_router(router)
