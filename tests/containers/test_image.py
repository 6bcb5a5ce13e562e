"""The image contains what the service needs, and nothing else."""

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.containers import dockerfile
from tests.containers.dockerfile import instructions
from tests.containers.locks import DEPENDENCIES, EXTRAS, name_of, packages


def test_hadolint_reports_no_error() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run(
        [hadolint, "--no-color", dockerfile.PATH],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not found.returncode, found.stdout


def test_the_build_context_is_what_the_image_copies() -> None:
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


def test_runs_as_a_user_with_a_fixed_id() -> None:
    assert int(instructions("USER")[-1].split(":")[0]) > 0


def test_the_service_owns_the_folder_of_the_flag_file() -> None:
    folder = Path(dockerfile.environment()["FLAGS_FILE"]).parent
    assert f"--chown=service:service flags.json {folder}/" in instructions(
        "COPY"
    )


def test_service_is_the_default_target() -> None:
    assert list(dockerfile.stages())[-1] == "service"


def test_the_service_receives_sigterm_without_a_shell() -> None:
    command = json.loads(instructions("CMD")[-1])
    assert command[:4] == ["python", "-m", "app", "serve"]


def test_contains_the_service_and_nothing_of_the_lab() -> None:
    image = {name_of(pin) for pin in packages("requirements-service.lock")}
    assert image >= DEPENDENCIES
    needed_by_rich = {"markdown-it-py", "pygments"}
    assert image & (EXTRAS["lab"] | EXTRAS["dev"]) <= needed_by_rich


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
        "import app.main, app.cli.serve, app.cli.tables\n"
        "from app.__main__ import cli; cli(['serve', '--help'])"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
