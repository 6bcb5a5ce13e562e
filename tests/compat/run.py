"""Run the adapter tests in one virtual environment of the matrix."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from uv import find_uv_bin

from tests.compat.matrix import LIBRARIES, Row

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "poolwatch"
SECONDS = 900
"""Time that one environment has for its tests."""
VERSIONS = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What one environment has shown."""

    row: Row
    versions: dict[str, str]
    """Of each library, as installed."""
    failed: dict[str, list[str]] = field(default_factory=dict)
    """By library, the tests that failed."""
    output: str = ""


def run_tests(row: Row, python: Path, folder: Path) -> Result:
    """Make the environment in a folder, and run the tests there.

    Raises:
        CalledProcessError: the packages cannot be installed.

    """
    uv = find_uv_bin()
    _quietly(uv, "venv", "--quiet", "--python", python, folder)
    inside = folder / "bin" / "python"
    _quietly(uv, "pip", "install", "--quiet", "-p", inside, *row.requirements)
    names = [library.replace("_", "-") for library in LIBRARIES]
    found = json.loads(_quietly(inside, "-c", VERSIONS, *names))
    versions = dict(zip(LIBRARIES, found.values(), strict=True))
    files = sorted({file for tests in LIBRARIES.values() for file in tests})
    report = folder / "report.xml"
    done = subprocess.run(
        [
            *(inside, "-m", "pytest", "-q", "-p", "tests.compat.plugin"),
            *("-p", "no:cacheprovider", "--confcutdir", TESTS),
            # Old versions use what new Pythons warn of.
            *("-W", "ignore::DeprecationWarning"),
            # SQLAlchemy 2.0.0 drops psycopg's coroutine.
            *("-W", "ignore:coroutine 'Connection.close':RuntimeWarning"),
            *("--junitxml", report),
            *(TESTS / file for file in files),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if not report.exists():
        return Result(row, versions, {"all": ["no test ran"]}, done.stderr)
    return Result(row, versions, _failures(report), done.stdout)


def _failures(report: Path) -> dict[str, list[str]]:
    failed: dict[str, list[str]] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own
        if case.find("failure") is None and case.find("error") is None:
            continue
        # Where a file cannot be imported, the name is the module's.
        where = f"{case.get('classname')}.{case.get('name')}"
        for library, files in LIBRARIES.items():
            if any(
                f".{file.removesuffix('.py')}." in f"{where}."
                for file in files
            ):
                failed.setdefault(library, []).append(where)
    return failed


def find_pythons() -> dict[str, Path]:
    """Find the machine's Pythons from 3.11 on, also those of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found: dict[str, Path] = {}
    for minor in range(11, 20):
        name = f"python3.{minor}"
        candidates = [*pyenv.glob(f"versions/3.{minor}.*/bin/python")]
        if (on_path := shutil.which(name)) is not None:
            candidates.append(Path(on_path))
        for python in candidates:
            works = subprocess.run(
                [python, "-c", "import venv"], capture_output=True, check=False
            )
            if works.returncode == 0:
                found[f"3.{minor}"] = python
                break
    return found


def _quietly(*command: str | Path) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode:
        raise subprocess.CalledProcessError(
            done.returncode, [*map(str, command)], done.stdout, done.stderr
        )
    return done.stdout
