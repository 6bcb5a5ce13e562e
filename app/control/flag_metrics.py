"""Which variant each lesson's flag chooses, as a metric.

The dashboard marks each change of it. It exists where the lab does, as the
flags do.
"""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.flags import Flags
from app.lesson import Lesson


class FlagGauges(Collector):
    """A gauge for each thing a flag can say: 1 for what it says, else 0."""

    def __init__(self, flags: Flags, lessons: Sequence[Lesson]) -> None:
        """Read the flags of these lessons at each scrape."""
        self._flags = flags
        self._lessons = lessons

    def collect(self) -> Iterator[Metric]:
        """Ask as the requests do, so a change shows when they see it."""
        family = GaugeMetricFamily(
            "lab_flag",
            "1 for the variant that answers; split: some users have the other",
            labels=["lesson", "variant"],
        )
        for lesson in self._lessons:
            said = (
                "split"
                if self._flags.splits(lesson.name)
                else self._flags.variant(lesson.name, "anybody")
            )
            for variant in ("before", "after", "split"):
                family.add_metric([lesson.name, variant], variant == said)
        yield family
