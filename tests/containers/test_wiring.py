"""Each name, port and path of one file is what another file declares."""

import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml  # type: ignore[import-untyped]
from sqlalchemy import make_url

from app import health
from app.settings import Settings
from tests.containers import compose, dockerfile
from tests.containers.compose import OURS, SERVICES, SERVING

PROMETHEUS: dict[str, Any] = yaml.safe_load(
    Path("ops/prometheus/prometheus.yml").read_text()
)
HAPROXY = Path("ops/haproxy/haproxy.cfg").read_text()
PGBOUNCER = ConfigParser(interpolation=None)
PGBOUNCER.read("ops/pgbouncer/pgbouncer.ini")

[EXPOSED] = re.findall(
    r"urlopen\('http://127.0.0.1:(\d+)",
    dockerfile.instructions("HEALTHCHECK")[0],
)
LISTENING = (
    {
        "db": 5432,
        "db-before": 5432,
        "pgbouncer": PGBOUNCER.getint("pgbouncer", "listen_port"),
        "balancer": int(re.findall(r"bind :(\d+)", HAPROXY)[0]),
        "prometheus": 9090,
        "alertmanager": 9093,
        "grafana": 3000,
    }
    | dict.fromkeys(SERVING, int(EXPOSED))
    | dict.fromkeys(
        (name for name in SERVICES if name.startswith("load")), 8089
    )
)
"""Where each service answers: as its file says, or as it is shipped."""


def scraped(job: dict[str, Any]) -> set[tuple[str, int]]:
    """Name the addresses that a job of Prometheus asks."""
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


def test_prometheus_asks_the_lookout_of_every_copy_of_the_service() -> None:
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


def test_what_a_profile_adds_is_asked_only_where_it_is_found() -> None:
    for job in PROMETHEUS["scrape_configs"]:
        for target in job.get("static_configs", ()):
            for name, _ in scraped({"static_configs": [target]}):
                assert name == "localhost" or name in compose.started(None)


def test_prometheus_tells_the_alertmanager() -> None:
    [found] = PROMETHEUS["alerting"]["alertmanagers"]
    assert scraped(found) == {("alertmanager", LISTENING["alertmanager"])}


def test_grafana_reads_prometheus() -> None:
    folder = compose.here("grafana", "/etc/grafana/provisioning/datasources")
    [file] = folder.iterdir()
    [source] = yaml.safe_load(file.read_text())["datasources"]
    assert source["url"] == f"http://prometheus:{LISTENING['prometheus']}"


def test_grafana_opens_on_the_dashboard_that_it_is_given() -> None:
    home = SERVICES["grafana"]["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ]
    assert compose.here("grafana", home).is_file()
    folder = compose.here("grafana", "/etc/grafana/provisioning/dashboards")
    [file] = folder.iterdir()
    [provider] = yaml.safe_load(file.read_text())["providers"]
    assert provider["options"]["path"] == str(Path(home).parent)


@pytest.mark.parametrize("name", OURS)
def test_service_reaches_the_database_that_compose_starts(name: str) -> None:
    environment = OURS[name]["environment"]
    direct = environment.get("DATABASE_DIRECT_URL")
    for given in filter(None, [environment["DATABASE_URL"], direct]):
        url = make_url(given)
        upstream = "db" if url.host == "pgbouncer" else str(url.host)
        made = SERVICES[upstream]["environment"]
        assert (url.username, url.password, url.database, url.port) == (
            made["POSTGRES_USER"],
            made["POSTGRES_PASSWORD"],
            made["POSTGRES_DB"],
            LISTENING[str(url.host)],
        )


def test_only_replicas_go_through_pgbouncer_and_all_of_them_know_it() -> None:
    through = {
        name
        for name, it in OURS.items()
        if make_url(it["environment"]["DATABASE_URL"]).host == "pgbouncer"
    }
    assert through == {
        name
        for name, it in OURS.items()
        if "DATABASE_DIRECT_URL" in it["environment"]
    }
    assert through == {"replica"}


def test_the_twins_share_no_database_and_no_flags() -> None:
    here, there = SERVICES["app"], SERVICES["app-before"]
    assert set(here["volumes"]).isdisjoint(there["volumes"])
    assert make_url(here["environment"]["DATABASE_URL"]).host == "db"
    assert make_url(there["environment"]["DATABASE_URL"]).host == "db-before"


def test_replicas_share_their_flags() -> None:
    assert SERVICES["replica"]["volumes"] == SERVICES["app"]["volumes"]


@pytest.mark.parametrize("name", SERVING)
def test_flag_file_lies_in_a_volume_since_all_else_is_read_only(
    name: str,
) -> None:
    folder = Path(dockerfile.environment()["FLAGS_FILE"]).parent
    assert str(folder) in compose.mounts(name)


def test_pgbouncer_leads_to_the_replicas_server_itself() -> None:
    upstream = dict(
        pair.split("=", 1)
        for pair in PGBOUNCER["databases"]["*"]
        .split(" connect_query")[0]
        .split()
    )
    direct = make_url(
        SERVICES["replica"]["environment"]["DATABASE_DIRECT_URL"]
    )
    assert upstream == {"host": direct.host, "port": str(direct.port)}


def test_balancer_knows_as_many_replicas_as_there_are() -> None:
    [template] = re.findall(r"server-template \S+ (\d+) (\S+):(\d+)", HAPROXY)
    assert template == (
        str(SERVICES["replica"]["deploy"]["replicas"]),
        "replica",
        str(LISTENING["replica"]),
    )


def test_balancer_asks_whether_a_replica_is_ready() -> None:
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
def test_each_health_check_asks_where_its_service_answers(name: str) -> None:
    check = " ".join(SERVICES[name].get("healthcheck", {}).get("test", ""))
    for port in re.findall(r"(?:127\.0\.0\.1:|--port=)(\d+)", check):
        assert int(port) == LISTENING[name]


@pytest.mark.parametrize("name", SERVICES)
def test_each_port_that_is_published_is_one_that_answers(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert int(port.rsplit(":", 1)[1]) == LISTENING[name]


def test_each_load_goes_to_a_service_that_answers() -> None:
    for name in SERVICES:
        if name.startswith("load"):
            environment = SERVICES[name]["environment"]
            url = urlsplit(environment["LOCUST_HOST"])
            assert url.port == LISTENING[str(url.hostname)]
            assert str(url.hostname) in SERVICES[name]["depends_on"]


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
