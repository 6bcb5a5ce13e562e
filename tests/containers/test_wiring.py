"""Names, ports and paths agree between the files."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml  # type: ignore[import-untyped]

from app.settings import Settings
from app.web import health
from tests.containers import compose, dockerfile
from tests.containers.compose import OURS, SERVICES, SERVING
from tests.containers.ports import HAPROXY, LISTENING

PROMETHEUS: dict[str, Any] = yaml.safe_load(
    Path("ops/prometheus/prometheus.yml").read_text()
)


def scraped(job: dict[str, Any]) -> set[tuple[str, int]]:
    """Return the addresses that a job of Prometheus scrapes."""
    listed = {
        (str(it.hostname), it.port or 0)
        for targets in job.get("static_configs", ())
        for target in targets["targets"]
        if (it := urlsplit(f"//{target}"))
    }
    return listed | {
        (name.rstrip("."), found["port"])
        for found in job.get("dns_sd_configs", ())
        for name in found["names"]
    }


def test_prometheus_scrapes_poolwatchs_port_of_each_service() -> None:
    asked = {
        address
        for job in PROMETHEUS["scrape_configs"]
        if job["job_name"].startswith("order-service")
        for address in scraped(job)
    }
    assert asked == {
        (name, int(it["environment"]["POOLWATCH_PORT"]))
        for name, it in SERVING.items()
    }


def test_services_of_a_profile_are_scraped_only_if_they_run() -> None:
    for job in PROMETHEUS["scrape_configs"]:
        for target in job.get("static_configs", ()):
            for name, _ in scraped({"static_configs": [target]}):
                assert name == "localhost" or name in compose.started(None)


def test_prometheus_sends_alerts_to_the_alertmanager() -> None:
    [found] = PROMETHEUS["alerting"]["alertmanagers"]
    assert scraped(found) == {("alertmanager", LISTENING["alertmanager"])}


def test_grafana_reads_prometheus() -> None:
    folder = compose.here("grafana", "/etc/grafana/provisioning/datasources")
    [file] = folder.iterdir()
    [source] = yaml.safe_load(file.read_text())["datasources"]
    assert source["url"] == f"http://prometheus:{LISTENING['prometheus']}"


def test_grafana_opens_the_dashboard() -> None:
    home = SERVICES["grafana"]["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ]
    assert compose.here("grafana", home).is_file()
    folder = compose.here("grafana", "/etc/grafana/provisioning/dashboards")
    [file] = folder.iterdir()
    [provider] = yaml.safe_load(file.read_text())["providers"]
    assert provider["options"]["path"] == str(Path(home).parent)


def test_balancer_has_the_number_of_replicas() -> None:
    [template] = re.findall(r"server-template \S+ (\d+) (\S+):(\d+)", HAPROXY)
    assert template == (
        str(SERVICES["replica"]["deploy"]["replicas"]),
        "replica",
        str(LISTENING["replica"]),
    )


def test_balancer_checks_the_readiness_of_replicas() -> None:
    ready = health.router.url_path_for("ready")
    assert f"option httpchk GET {ready}\n" in HAPROXY


def test_image_is_healthy_while_the_process_is_alive() -> None:
    [check], [port] = (
        dockerfile.instructions("HEALTHCHECK"),
        dockerfile.instructions("EXPOSE")[-1:],
    )
    alive = health.router.url_path_for("alive")
    assert f"http://127.0.0.1:{port}{alive}" in check


@pytest.mark.parametrize("name", SERVICES)
def test_each_health_check_uses_the_port_of_its_service(name: str) -> None:
    check = " ".join(SERVICES[name].get("healthcheck", {}).get("test", ""))
    for port in re.findall(r"(?:127\.0\.0\.1:|--port=)(\d+)", check):
        assert int(port) == LISTENING[name]


@pytest.mark.parametrize("name", SERVICES)
def test_each_published_port_is_one_of_its_service(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert int(port.rsplit(":", 1)[1]) == LISTENING[name]


def test_each_load_goes_to_a_port_of_a_service() -> None:
    for name in SERVICES:
        if name.startswith("load"):
            environment = SERVICES[name]["environment"]
            url = urlsplit(environment["LOCUST_HOST"])
            assert url.port == LISTENING[str(url.hostname)]
            assert str(url.hostname) in SERVICES[name]["depends_on"]


def test_each_name_in_a_url_of_the_service_is_allowed() -> None:
    """Prometheus resolves some names itself, and sends addresses."""
    loads = {
        str(urlsplit(it["environment"]["LOCUST_HOST"]).hostname)
        for name, it in SERVICES.items()
        if name.startswith("load")
    }
    [job] = [
        job
        for job in PROMETHEUS["scrape_configs"]
        if job["job_name"] == "order-service"
    ]
    names = loads | {name for name, _ in scraped(job)}
    for it in SERVING.values():
        assert set(it["environment"]["ALLOWED_HOSTS"].split(",")) == names


def test_each_load_is_the_same() -> None:
    loads = [it for name, it in SERVICES.items() if name.startswith("load")]
    same = [
        {
            key: it["environment"][key]
            for key in it["environment"].keys() - {"LOCUST_HOST"}
        }
        for it in loads
    ]
    assert all(it == same[0] for it in same)


@pytest.mark.parametrize("name", SERVICES)
def test_each_file_that_is_mounted_exists(name: str) -> None:
    for source in compose.mounts(name).values():
        if source.startswith("."):
            assert Path(source).is_dir(), source


@pytest.mark.parametrize("name", SERVICES)
def test_each_file_that_a_command_names_is_mounted(name: str) -> None:
    it = SERVICES[name]
    said = " ".join([*it.get("entrypoint", ()), *it.get("command", ())])
    for path in re.findall(r"/etc/[\w./-]+", said):
        assert compose.here(name, path).is_file()


@pytest.mark.parametrize("name", OURS)
def test_sets_only_variables_that_are_settings(name: str) -> None:
    settings = {name.upper() for name in Settings.model_fields}
    of_python = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
    assert dockerfile.environment().keys() - of_python <= settings
    assert OURS[name]["environment"].keys() <= settings
