"""OpenTelemetry's SDK, which collects when a test says so."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    Metric,
)


class Telemetry:
    """A meter provider, and what is collected from it."""

    def __init__(
        self,
        temporality: Mapping[type, AggregationTemporality] | None = None,
        **settings: Any,  # noqa: ANN401 - the provider's own
    ) -> None:
        self._reader = InMemoryMetricReader({**(temporality or {})})
        self.provider = MeterProvider(
            [self._reader], shutdown_on_exit=False, **settings
        )

    def metrics(self) -> dict[str, Metric]:
        """What one collection brings, by name."""
        data = self._reader.get_metrics_data()
        return {
            metric.name: metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def points(self, name: str) -> dict[tuple[Any, ...], Any]:
        """One metric's points, by the values of their attributes."""
        metric = self.metrics().get(name)
        return {
            tuple((point.attributes or {}).values()): point
            for point in (metric.data.data_points if metric else ())
        }
