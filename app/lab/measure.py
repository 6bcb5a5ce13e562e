"""Load one variant for a while, and measure what the write-up's table shows.

The service is freshly started, its garbage collector left as it is, and the
flags send every lesson to one variant. Locust drives it from a process of its
own; meanwhile the pools are read from `/metrics`, the memory from the
operating system, and a probe asks `/readyz` as an orchestrator would.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import linear_regression

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from app.api import SERVICE
from app.flags import POLL_SECONDS
from app.lab.service import Service, ServiceFailedError, running_service
from app.lesson import Variant
from app.threads_engine import THREADS
from poolwatch.report import Loans

POOL_TIMEOUT = 5
"""Seconds; with the default of 30 a short run would see no timeout."""
SAMPLE_SECONDS = 0.5
PROBE_SECONDS = 1
FAILURES_TO_RESTART = 3
"""Failed probes in a row, as Kubernetes' `failureThreshold` has it."""
WARM_UP_SECONDS = 5
"""Pools fill and caches grow at first; memory is read after that."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One variant under load; the keys of `report.json`."""

    active_connections_peak: int
    pool_capacity: int
    timeouts: int
    timeouts_per_minute: float
    pool_wait_p95_seconds: float
    rss_growth_mb_per_hour: float
    restarts: int
    leaked_connections: int
    leaked_connections_still_lent: int
    requests_ok: int
    requests_failed: int
    seconds: float


@dataclass(slots=True)
class Probe:
    """Counts the restarts that failing probes would have caused.

    One is counted when a third probe in a row fails, and the next only after
    a probe has passed again: the service is not really restarted, so failing
    on and on is still the same failure.
    """

    failures: int = 0
    restarts: int = 0

    def saw(self, *, ready: bool) -> None:
        """Take one probe into account."""
        self.failures = 0 if ready else self.failures + 1
        self.restarts += self.failures == FAILURES_TO_RESTART


@dataclass(slots=True)
class Samples:
    """What was read while the load ran."""

    lent: list[int] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    """Seconds since the start, and resident bytes of the service."""
    probe: Probe = field(default_factory=Probe)


def measure(
    variant: Variant,
    seconds: int,
    users: int,
    report: Callable[[float, int], None],
) -> Measured:
    """Load one variant; report seconds gone and connections lent.

    Raises:
        ServiceFailedError: the service or the load went away.

    """
    with running_service(POOL_TIMEOUT=str(POOL_TIMEOUT)) as service:
        try:
            return _measure(service, variant, seconds, users, report)
        except (httpx.HTTPError, psutil.NoSuchProcess) as error:
            log = service.log.read_text()[-2000:]
            message = f"the service went away: {error!r}\n{log}"
            raise ServiceFailedError(message) from error


def _measure(
    service: Service,
    variant: Variant,
    seconds: int,
    users: int,
    report: Callable[[float, int], None],
) -> Measured:
    with service.client() as client:
        for lesson in SERVICE:
            client.put(
                f"/lab/flags/{lesson.name}", json={"variant": variant}
            ).raise_for_status()
        time.sleep(2 * POLL_SECONDS)  # until every worker has read the file
        capacity = int(_total(client, "db_client_connection_max"))
        began = time.monotonic()
        with _load(service, seconds, users) as load:
            samples = _sample(client, service, load, began, report)
            requests = json.loads(load.communicate()[0])
        elapsed = time.monotonic() - began
        timeouts = int(_total(client, "db_client_connection_timeouts_total"))
        answer = client.get("/poolwatch/loans").raise_for_status()
        found = Loans.model_validate_json(answer.content)
        waits = client.get("/lab/waits").raise_for_status().json()
    failed = sum(each["num_failures"] for each in requests)
    return Measured(
        active_connections_peak=max(samples.lent),
        pool_capacity=capacity,
        timeouts=timeouts,
        timeouts_per_minute=round(timeouts * 60 / elapsed, 1),
        pool_wait_p95_seconds=round(waits["p95"], 4),
        rss_growth_mb_per_hour=round(_growth(samples.memory) * 3600 / 1e6, 1),
        restarts=samples.probe.restarts,
        leaked_connections=sum(pool.leaks for pool in found.pools),
        leaked_connections_still_lent=sum(
            loan.state == "leaked" for loan in found.loans
        ),
        requests_ok=sum(each["num_requests"] for each in requests) - failed,
        requests_failed=failed,
        seconds=round(elapsed, 1),
    )


@contextmanager
def _load(
    service: Service, seconds: int, users: int
) -> Iterator[subprocess.Popen[str]]:
    """Run Locust, and see that it ends."""
    command = [sys.executable, "-m", "locust", "-f", "app/lab/load.py"]
    command += ["--host", service.url, "--headless", "--json", "--skip-log"]
    command += ["--users", str(users), "--spawn-rate", str(users)]
    command += ["--run-time", f"{seconds}s"]
    command += ["--stop-timeout", str(POOL_TIMEOUT + 2)]
    command += ["--exit-code-on-error", "0"]
    with subprocess.Popen(  # noqa: S603 - our own command line
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as load:
        try:
            yield load
        finally:
            load.kill()


def _sample(
    client: httpx.Client,
    service: Service,
    load: subprocess.Popen[str],
    began: float,
    report: Callable[[float, int], None],
) -> Samples:
    """Read the pools, the memory and the probe until the load has ended."""
    samples = Samples()
    process = psutil.Process(service.pid)
    next_probe = began
    while load.poll() is None:
        now = time.monotonic()
        lent = int(_total(client, "db_pool_connections_active"))
        samples.lent.append(lent)
        samples.memory.append((now - began, process.memory_info().rss))
        if now >= next_probe:
            next_probe = now + PROBE_SECONDS
            samples.probe.saw(ready=_is_ready(client))
        report(now - began, lent)
        time.sleep(SAMPLE_SECONDS)
    return samples


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz", timeout=PROBE_SECONDS).is_success
    except httpx.TimeoutException:
        return False


def _total(client: httpx.Client, name: str) -> float:
    """Sum one metric over the service's pools; the lessons' own is idle."""
    text = client.get("/metrics").raise_for_status().text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and THREADS not in sample.labels.values()
    )


def _growth(memory: list[tuple[float, int]]) -> float:
    """Bytes a second: the slope of a line through what came after warm-up."""
    settled = [point for point in memory if point[0] >= WARM_UP_SECONDS]
    return linear_regression(*zip(*settled, strict=True)).slope
