"""The compose file is valid, pins versions, and limits every service."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.containers import compose, dockerfile
from tests.containers.compose import COMPOSE, OURS, PROFILES, SERVICES

each_service = pytest.mark.parametrize("name", SERVICES)


def test_specification_allows_it() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    schema = ["--builtin-schema", "vendor.compose-spec"]
    found = subprocess.run(
        [checker, *schema, compose.PATH],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not found.returncode, found.stdout


@pytest.mark.parametrize("profile", ["", *PROFILES])
def test_docker_compose_accepts_it(profile: str) -> None:
    docker = shutil.which("docker")
    if not docker:
        pytest.skip("no docker here")
    there = subprocess.run(
        [docker, "compose", "version"], check=False, capture_output=True
    )
    if there.returncode:
        pytest.skip("docker has no compose here")
    with_example = [docker, "compose", "--env-file", ".env.example"]
    found = subprocess.run(
        [*with_example, "--profile", profile, "config", "--services"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert set(found.stdout.split()) == compose.started(profile)


def test_example_lists_exactly_the_variables_that_it_reads() -> None:
    read = set(re.findall(r"(?<!\$)\$\{(\w+)", compose.TEXT))
    for service in SERVICES.values():
        given = service.get("environment", {})
        read |= {name for name, value in given.items() if value is None}
    example = Path(".env.example").read_text()
    assert set(re.findall(r"(?m)^# ([A-Z_]+)=$", example)) == read


def test_every_image_is_pinned_to_a_version() -> None:
    stages = dockerfile.stages()
    images = {it["image"] for it in SERVICES.values() if "build" not in it}
    images |= {it for it in stages.values() if it not in stages}
    for image in images:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+[\w.-]*", image), image


def test_every_port_is_published_once_and_on_this_machine_only() -> None:
    ports = [port for it in SERVICES.values() for port in it.get("ports", ())]
    published = [port.rsplit(":", 1)[0] for port in ports]
    assert len(set(published)) == len(published)
    for port in published:
        assert port.startswith("127.0.0.1:"), port


@pytest.mark.parametrize("name", ["db", "db-before", "pgbouncer", "replica"])
def test_neither_databases_nor_replicas_publish_a_port(name: str) -> None:
    assert not SERVICES[name].get("ports")


@each_service
def test_each_service_has_limits(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory", "pids"}


@each_service
def test_each_service_that_keeps_running_has_a_health_check(
    name: str,
) -> None:
    check: dict[str, Any] = SERVICES[name].get("healthcheck", {})
    if name in compose.SERVING:
        assert not check  # the image defines it
    elif name in OURS:
        assert check == {"disable": True}
    else:
        assert check["test"][0] == "CMD"


@each_service
def test_each_service_waits_until_its_dependencies_are_ready(
    name: str,
) -> None:
    for before, wait in SERVICES[name].get("depends_on", {}).items():
        ends = before in OURS and before not in compose.SERVING
        assert wait["condition"] == (
            "service_completed_successfully" if ends else "service_healthy"
        )


@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_each_profile_starts_its_dependencies(
    profile: str | None,
) -> None:
    started = compose.started(profile)
    for name in started:
        assert SERVICES[name].get("depends_on", {}).keys() <= started


@each_service
def test_each_service_stores_data_only_in_volumes(name: str) -> None:
    if name not in {"db", "db-before", "grafana"}:
        assert SERVICES[name]["read_only"]
    for source in compose.mounts(name).values():
        if not source.startswith("."):
            assert source in COMPOSE["volumes"]


def test_every_volume_is_used() -> None:
    used = {it for name in SERVICES for it in compose.mounts(name).values()}
    assert COMPOSE["volumes"].keys() == {
        it for it in used if not it.startswith(".")
    }
