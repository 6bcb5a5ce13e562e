"""Several processes' metrics as one exposition, each sample with its process.

A sum over processes hides an exhausted pool beside an idle one, so each
process keeps its own samples, and a PromQL query adds them where needed. An
exposition may contain a metric family once, so the samples of all processes
are collected in it.
"""

from collections.abc import Iterator, Mapping

from poolwatch.extras import extra

with extra("prometheus"):
    from prometheus_client import generate_latest
    from prometheus_client.core import GaugeMetricFamily, Metric
    from prometheus_client.parser import text_string_to_metric_families
    from prometheus_client.registry import Collector


def merge(expositions: Mapping[int, bytes | None]) -> bytes:
    """Put expositions in Prometheus' text format together.

    Args:
        expositions: by process id; None where the process did not answer,
            which `poolwatch_process_up` shows as 0.

    """
    return generate_latest(_Merged(expositions))


class _Merged(Collector):
    def __init__(self, expositions: Mapping[int, bytes | None]) -> None:
        self._expositions = expositions

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "poolwatch_process_up",
            "1 where the process answered this scrape, else 0",
            labels=["process"],
        )
        families: dict[str, Metric] = {}
        for process, exposition in self._expositions.items():
            up.add_metric([str(process)], exposition is not None)
            text = (exposition or b"").decode()
            for family in text_string_to_metric_families(text):
                whole = families.setdefault(
                    family.name,
                    Metric(family.name, family.documentation, family.type),
                )
                whole.samples += (
                    sample._replace(
                        labels=sample.labels | {"process": str(process)}
                    )
                    for sample in family.samples
                )
        yield up
        yield from families.values()
