"""Throughput of `GET /after/orders`, of the service with and without.

Two services, lab off, are loaded in turn by `bench`'s users. Throughput is
what counts, and what else the machine does decides most of it. What the
service's process has computed for one request says the same more sharply.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import psutil
from prometheus_client.parser import text_string_to_metric_families

from app.lab.bench import compare_answers, load
from app.lab.bench_poolwatch.pairs import Pairs, Side, in_turn
from app.lab.service import Service, ServiceFailedError, running

ROUTE = "GET /after/orders"
ANSWERS = "http_requests_total"
LOANS = "db_client_connection_use_time_seconds_count"
MODULES: dict[Side, str] = {
    "without": "app.lab.bench_poolwatch.unwatched",
    "with": "app",
}


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests a second, and CPU seconds of the service for each."""

    speed: Pairs = field(default_factory=Pairs)
    cpu: Pairs = field(default_factory=Pairs)


def measure(
    rounds: int, seconds: int, tick: Callable[[str], None]
) -> Requests:
    """Load both services in turn.

    Args:
        rounds: how many, at least two.
        seconds: how long each load takes.
        tick: told after each load what was loaded.

    Raises:
        ServiceFailedError: one of them went away, a request failed, they
            answer differently, or poolwatch is where it should not be.

    """
    found = Requests()
    with _running("without") as without, _running("with") as watched:
        services: dict[Side, Service] = {"without": without, "with": watched}
        compare_answers(ROUTE, [each.url for each in services.values()])
        for each in range(rounds):
            for side in in_turn(each):
                _load(side, services[side], seconds, found)
                tick(f"{ROUTE}, {side}")
        if _total(without, LOANS) or not _total(watched, LOANS):
            message = "poolwatch is in the wrong one of the two services"
            raise ServiceFailedError(message)
    return found


def _running(side: Side) -> AbstractContextManager[Service]:
    module = [MODULES[side], "serve"]
    return running(module, "no token", LAB_ENABLED="false")


def _load(side: Side, service: Service, seconds: int, found: Requests) -> None:
    answered, computed = _total(service, ANSWERS), _cpu_seconds(service)
    reached = load(service.url, ROUTE, seconds)
    computed = _cpu_seconds(service) - computed
    answered = _total(service, ANSWERS) - answered
    found.speed.add(side, reached.requests_per_second)
    found.cpu.add(side, computed / answered)


def _cpu_seconds(service: Service) -> float:
    times = psutil.Process(service.pid).cpu_times()
    return float(times.user + times.system)


def _total(service: Service, name: str) -> float:
    with service.client() as client:
        metrics = client.get("/metrics").raise_for_status().text
    return sum(
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == name
    )
