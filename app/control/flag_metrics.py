"""The variant that each lesson's flag selects, as a metric.

The dashboard marks each change. Like the flags, the metric exists only where
the lab is on.
"""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.flags import Flags
from app.lesson import Lesson


class FlagGauges(Collector):
    """One gauge for each value of a flag: 1 for the current one, else 0."""

    def __init__(self, flags: Flags, lessons: Sequence[Lesson]) -> None:
        """Read the flags of these lessons at each scrape."""
        self._flags = flags
        self._lessons = lessons

    def collect(self) -> Iterator[Metric]:
        """Evaluate the flags as requests do, so both change together."""
        family = GaugeMetricFamily(
            "lab_flag",
            "1 for the variant that serves; split: clients get both variants",
            labels=["lesson", "variant"],
        )
        for lesson in self._lessons:
            current = (
                "split"
                if self._flags.splits(lesson.name)
                else self._flags.variant(lesson.name, "anybody")
            )
            for variant in ("before", "after", "split"):
                family.add_metric([lesson.name, variant], variant == current)
        yield family
