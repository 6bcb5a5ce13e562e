"""The time of the garbage collector's last run, as a metric.

`prometheus_client` counts the collections of each generation, without their
times. A leak may stay open until the next full collection, so the lab shows
when that was.
"""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from prometheus_client import CollectorRegistry, Gauge

GENERATIONS = 3


@contextmanager
def collections_shown(registry: CollectorRegistry) -> Iterator[None]:
    """Register the metric until the block ends."""
    last = [0.0] * GENERATIONS

    def collected(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            last[info["generation"]] = time.time()

    gauge = Gauge(
        "lab_gc_last_collection_timestamp_seconds",
        "When this generation was last collected; 0 if not yet",
        ["generation"],
        registry=registry,
    )
    for generation in range(GENERATIONS):
        gauge.labels(str(generation)).set_function(
            partial(last.__getitem__, generation)
        )
    gc.callbacks.append(collected)
    try:
        yield
    finally:
        gc.callbacks.remove(collected)
        registry.unregister(gauge)
