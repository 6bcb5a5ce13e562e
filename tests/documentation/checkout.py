"""A fresh copy of what the repository tracks, with the environment linked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from app.settings import Settings

ROOT = Path(__file__).parents[2]

ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in {setting.upper() for setting in Settings.model_fields}
    and not name.startswith(("PYTEST", "COV_", "MAKE"))
} | {"COLUMNS": "80", "CI": "true"}
"""What a stranger's shell has: no setting of ours, a terminal of 80."""

MARKS = (".lab", ".complete")
"""What `make` leaves where an environment is whole, in this order."""


def tracked(pattern: str = ".") -> list[Path]:
    """List the files that git knows, by their paths in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", pattern],  # noqa: S607 - whichever git
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [Path(name) for name in listed.split("\0") if name]


def check_out(folder: Path) -> None:
    """Fill a folder as `git clone` and `make install` would."""
    for path in tracked():
        if (ROOT / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
    installed = ROOT / ".venv"
    if not (installed / ".complete").exists():
        pytest.exit("the documentation's tests need `make install-all`", 2)
    # A folder of links, not one link: its marks are newer than the locks, and
    # `make` that removes it removes links.
    (folder / ".venv").mkdir()
    for entry in installed.iterdir():
        if entry.name not in MARKS:
            (folder / ".venv" / entry.name).symlink_to(entry.resolve())
    for mark in MARKS:
        (folder / ".venv" / mark).touch()
