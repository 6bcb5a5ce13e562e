"""The metrics that a reading needs, summed over the workers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

REQUESTS = "http_requests_total"
TIMEOUTS = "db_client_connection_timeouts_total"
WAITS = "db_client_connection_wait_time_seconds_bucket"
COLLECTIONS = "python_gc_collections_total"
LAST_COLLECTION = "lab_gc_last_collection_timestamp_seconds"
WANTED = (REQUESTS, TIMEOUTS, WAITS, COLLECTIONS, LAST_COLLECTION)
NOT_BUSINESS = ("/lab/", "/poolwatch/", "/metrics", "/healthz", "/readyz")
"""Routes that look at the service, and are none of its work."""
FULL = "2"
"""The generation whose collection looks at every object."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """Counts since the service began, called as in a reading of it.

    Zero is what it does not expose.
    """

    answered: int = 0
    failed: int = 0
    timeouts: int = 0
    wait_buckets: Mapping[float, int] = field(default_factory=dict)
    collections: tuple[int, int, int] = (0, 0, 0)
    last_collection: float | None = None


def parse(exposition: str) -> Exposed:
    """Read an exposition in Prometheus' text format.

    Only the needed lines are parsed: about 100 of 1,000.
    """
    lines = (line for line in exposition.splitlines() if _is_wanted(line))
    requests, timeouts, last = Counter[bool](), 0, 0.0
    buckets, collections = Counter[float](), Counter[str]()
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for sample in family.samples:
            labels, count = sample.labels, int(sample.value)
            if sample.name == REQUESTS:
                if not labels["handler"].startswith(NOT_BUSINESS):
                    requests[labels["status"].startswith("5")] += count
            elif sample.name == TIMEOUTS:
                timeouts += count
            elif sample.name == WAITS:
                buckets[float(labels["le"])] += count
            elif sample.name == COLLECTIONS:
                collections[labels["generation"]] += count
            elif labels["generation"] == FULL:
                last = max(last, sample.value)
    return Exposed(
        answered=requests[False],
        failed=requests[True],
        timeouts=timeouts,
        wait_buckets=dict(sorted(buckets.items())),
        collections=(collections["0"], collections["1"], collections["2"]),
        last_collection=last or None,
    )


def _is_wanted(line: str) -> bool:
    return line.startswith(WANTED)
