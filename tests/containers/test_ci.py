"""CI tests the versions that the containers run, with the Makefile."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from sqlalchemy import make_url

from app.settings import Settings
from tests.containers import dockerfile
from tests.containers.compose import SERVICES
from tests.containers.locks import PROJECT

WORKFLOW = Path(".github/workflows/connection-leak-test.yml")
SCHEDULED = Path(".github/workflows/poolwatch-compat.yml")
JOB: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())["jobs"]["leak-test"]


@pytest.mark.parametrize("workflow", [WORKFLOW, SCHEDULED])
def test_every_action_is_pinned_to_a_commit_with_its_version(
    workflow: Path,
) -> None:
    """A tag can be moved to other code; a commit cannot."""
    used = re.findall(r"uses: *(.+)", workflow.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"\S+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action)


def test_job_reaches_the_database_that_it_starts() -> None:
    url = make_url(JOB["env"]["DATABASE_URL"])
    server = JOB["services"]["postgres"]
    assert (url.username, url.password, url.database) == (
        server["env"]["POSTGRES_USER"],
        server["env"]["POSTGRES_PASSWORD"],
        server["env"]["POSTGRES_DB"],
    )
    assert server["ports"] == [f"{url.port}:5432"]


def test_job_sets_only_variables_that_are_settings() -> None:
    settings = {name.upper() for name in Settings.model_fields}
    assert JOB["env"].keys() <= settings


def test_job_runs_the_makefiles_own_targets() -> None:
    steps = " ".join(step.get("run", "") for step in JOB["steps"])
    used = set(re.findall(r"make ([a-z-]+)", steps))
    makefile = Path("Makefile").read_text()
    assert used == {"lint", "test-all", "check"}
    assert used <= set(re.findall(r"(?m)^([a-z-]+):", makefile))


def test_job_runs_the_oldest_python_and_that_of_the_images() -> None:
    versions = JOB["strategy"]["matrix"]["python-version"]
    assert PROJECT["requires-python"] == f">={versions[0]}"
    for source in dockerfile.stages().values():
        if source not in dockerfile.stages():
            version = source.removeprefix("python:").rpartition(".")[0]
            assert version in versions


def test_job_runs_the_postgresql_that_compose_runs() -> None:
    image = JOB["services"]["postgres"]["image"]
    assert image == SERVICES["db"]["image"]
