"""The tools of Prometheus and Alertmanager accept their files."""

import pytest

from tests.conftest import Service
from tests.programs import program, run


@pytest.fixture
def promtool() -> str:
    return program("promtool", "prometheus")


@pytest.mark.parametrize(
    "command",
    [
        ("check", "config", "ops/prometheus/prometheus.yml"),
        ("check", "rules", "ops/prometheus/alerts.yml"),
        ("test", "rules", "ops/prometheus/alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_reports_no_error(
    promtool: str, command: tuple[str, ...]
) -> None:
    found = run(promtool, *command)

    assert found.returncode == 0, found.stdout + found.stderr


def test_amtool_reports_no_error() -> None:
    amtool = program("amtool", "prometheus-alertmanager")

    found = run(amtool, "check-config", "ops/alertmanager/alertmanager.yml")

    assert found.returncode == 0, found.stdout + found.stderr


async def test_promtool_warns_only_of_two_known_names(
    promtool: str, service: Service
) -> None:
    await service.client.get("/before/orders/1")
    await service.client.get("/after/analytics?since=2999-01-01")
    metrics = (await service.client.get("/metrics")).text

    found = run(promtool, "check", "metrics", given=metrics)

    assert {line.split()[0] for line in found.stderr.splitlines()} == {
        # The write-up's name: a gauge that ends like a counter.
        "db_pool_connections_total",
        # OpenTelemetry's name: a gauge that ends like a part of a summary.
        "db_client_connection_count",
    }
