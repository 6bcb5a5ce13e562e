"""The container and CI files agree with each other and with the service.

Nothing is built here: these are the mistakes that would otherwise show at
the first `docker compose up`, or at the first pull request.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from sqlalchemy import make_url

from app import health
from app.settings import Settings

PROJECT = tomllib.loads(Path("pyproject.toml").read_text())
SETTINGS = {name.upper() for name in Settings.model_fields}

COMPOSE_TEXT = Path("docker-compose.yml").read_text()
# As it is read where no variable is set.
COMPOSE: dict[str, Any] = yaml.safe_load(
    re.sub(r"\$\{\w+:-(.*?)\}", r"\1", COMPOSE_TEXT)
)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {
    name: it
    for name, it in SERVICES.items()
    if it.get("image") == "order-service"
}

# Without comments, each instruction on one line.
DOCKERFILE = re.sub(r"(?m)^#.*\n|\\\n", "", Path("Dockerfile").read_text())

JOB: dict[str, Any] = yaml.safe_load(
    Path(".github/workflows/connection-leak-test.yml").read_text()
)["jobs"]["leak-test"]


def instructions(name: str) -> list[str]:
    """Answer what the Dockerfile's instructions of this name say."""
    return re.findall(rf"(?m)^{name} +(.+)", DOCKERFILE)


def image_environment() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(instructions("ENV"))))


def packages(lock: str) -> list[str]:
    """Answer a lock's packages, each with version, marker and hashes."""
    return re.split(r"\n(?! )", Path(lock).read_text().rstrip("\n"))


def name_of(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def test_publishes_ports_on_this_machine_only() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name


def test_publishes_no_port_of_the_database() -> None:
    assert "ports" not in SERVICES["db"]


def test_pins_every_image_to_a_minor_version() -> None:
    images = {it["image"] for it in SERVICES.values() if "build" not in it}
    images |= {it["image"] for it in JOB["services"].values()}
    images |= {source.split()[0] for source in instructions("FROM")}
    for image in images:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+[\w.-]*", image), image


def test_pins_every_action_to_a_major_version() -> None:
    for step in JOB["steps"]:
        if "uses" in step:
            assert re.search(r"@v\d", step["uses"]), step


def test_sends_the_builder_exactly_what_the_image_copies() -> None:
    copied = {
        source
        for copy in instructions("COPY")
        if "--from" not in copy
        for source in re.sub(r"--\S+ +", "", copy).split()[:-1]
    }
    sent = re.findall(r"(?m)^!(.+)", Path(".dockerignore").read_text())
    assert sorted(copied) == sorted(sent)
    for path in copied:
        assert Path(path).exists(), path


def test_mounts_only_volumes_that_are_declared_or_files_that_exist() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert Path(source).exists(), mount
            else:
                assert source in COMPOSE["volumes"]


def test_image_runs_as_a_user_whose_number_is_fixed() -> None:
    assert int(instructions("USER")[-1].split(":")[0]) > 0


def test_flag_file_lies_in_a_volume_since_all_else_is_read_only() -> None:
    folder = str(Path(image_environment()["FLAGS_FILE"]).parent)
    assert f"--chown=service:service flags.json {folder}/" in instructions(
        "COPY"
    )
    mounts = [mount.split(":")[1] for mount in SERVICES["app"]["volumes"]]
    assert SERVICES["app"]["read_only"]
    assert folder in mounts


def test_service_waits_for_a_healthy_database_and_its_tables() -> None:
    waits = {
        name: wait["condition"]
        for name, wait in SERVICES["app"]["depends_on"].items()
    }
    assert waits == {
        "db": "service_healthy",
        "migrate": "service_completed_successfully",
    }
    assert "pg_isready" in SERVICES["db"]["healthcheck"]["test"]


def test_image_is_healthy_while_the_process_is_alive() -> None:
    [check], [port] = instructions("HEALTHCHECK"), instructions("EXPOSE")
    alive = health.router.url_path_for("alive")
    assert f"http://127.0.0.1:{port}{alive}" in check
    assert SERVICES["app"]["ports"] == [f"127.0.0.1:8000:{port}"]


def test_sigterm_reaches_the_service_without_a_shell_between() -> None:
    command = json.loads(instructions("CMD")[-1])
    assert command[:4] == ["python", "-m", "app", "serve"]
    assert "command" not in SERVICES["app"]


@pytest.mark.parametrize("name", OURS)
def test_containers_reach_the_database_that_compose_starts(name: str) -> None:
    url = make_url(OURS[name]["environment"]["DATABASE_URL"])
    made = SERVICES[str(url.host)]["environment"]
    assert (url.username, url.password, url.database, url.port) == (
        made["POSTGRES_USER"],
        made["POSTGRES_PASSWORD"],
        made["POSTGRES_DB"],
        5432,
    )


def test_ci_reaches_the_database_that_its_job_starts() -> None:
    url = make_url(JOB["env"]["DATABASE_URL"])
    server = JOB["services"]["postgres"]
    assert (url.username, url.password, url.database) == (
        server["env"]["POSTGRES_USER"],
        server["env"]["POSTGRES_PASSWORD"],
        server["env"]["POSTGRES_DB"],
    )
    assert server["ports"] == [f"{url.port}:5432"]


def test_sets_only_variables_that_are_settings() -> None:
    of_python = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
    assert image_environment().keys() - of_python <= SETTINGS
    assert JOB["env"].keys() <= SETTINGS
    for service in OURS.values():
        assert service["environment"].keys() <= SETTINGS


def test_example_lists_exactly_the_variables_that_compose_reads() -> None:
    read = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    for service in SERVICES.values():
        given = service.get("environment", {})
        read |= {name for name, value in given.items() if value is None}
    example = Path(".env.example").read_text()
    assert set(re.findall(r"(?m)^# ([A-Z_]+)=$", example)) == read


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-service.lock"]
)
def test_locks_hold_versions_and_hashes_and_no_addresses(lock: str) -> None:
    package = r"\S+==\S+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+"
    for pinned in packages(lock):
        assert re.fullmatch(package, pinned), pinned


def test_image_has_the_very_packages_that_are_tested() -> None:
    image = set(packages("requirements-service.lock"))
    assert image < set(packages("requirements.lock"))


def test_image_has_what_the_service_needs_and_nothing_of_the_lab() -> None:
    image = {name_of(pin) for pin in packages("requirements-service.lock")}
    needed = {name_of(want) for want in PROJECT["project"]["dependencies"]}
    extras = PROJECT["project"]["optional-dependencies"].values()
    assert needed <= image
    for extra in extras:
        assert image.isdisjoint(map(name_of, extra))


def test_service_starts_without_the_packages_that_the_image_lacks() -> None:
    image = {name_of(pin) for pin in packages("requirements-service.lock")}
    lock = {name_of(pin) for pin in packages("requirements.lock")}
    missing = [
        module
        for module, sources in packages_distributions().items()
        if set(map(name_of, sources)) <= lock - image
    ]
    assert "httpx" in missing
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({missing}))\n"
        "import app.main, app.seed, app.migrate\n"
        "from app.__main__ import cli; cli(['serve', '--help'])"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ci_runs_the_makefiles_own_targets() -> None:
    steps = " ".join(step.get("run", "") for step in JOB["steps"])
    used = set(re.findall(r"make ([a-z-]+)", steps))
    makefile = Path("Makefile").read_text()
    assert used == {"lint", "test", "check"}
    assert used <= set(re.findall(r"(?m)^([a-z-]+):", makefile))


def test_ci_runs_the_oldest_python_and_the_images() -> None:
    oldest, newest = JOB["strategy"]["matrix"]["python-version"]
    assert PROJECT["project"]["requires-python"] == f">={oldest}"
    for source in instructions("FROM"):
        assert source.startswith(f"python:{newest}.")


def test_ci_runs_the_postgresql_that_compose_runs() -> None:
    image = JOB["services"]["postgres"]["image"]
    assert image == SERVICES["db"]["image"]


def test_docker_compose_accepts_its_file() -> None:
    docker = shutil.which("docker")
    if not docker:
        pytest.skip("no docker here")
    compose = [docker, "compose"]
    there = subprocess.run(
        [*compose, "version"], check=False, capture_output=True
    )
    if there.returncode:
        pytest.skip("docker has no compose here")
    with_example = [*compose, "--env-file", ".env.example"]
    subprocess.run([*with_example, "config", "--quiet"], check=True)
