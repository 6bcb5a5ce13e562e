"""When Python's garbage collector last ran, as a metric.

`prometheus_client` counts the collections of each generation, and not when
they were. It exists where the lab is on: a lesson's leak may be what the next
full collection frees.
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
    """Show when each generation was last collected, while the block lasts."""
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
