"""Programs that Debian packages, and that a laptop may not have."""

import os
import shutil
import subprocess

import pytest


def program(name: str, package: str, *others: str) -> str:
    """Find a program, or one of its like; skip without, and in CI fail."""
    found = next(filter(None, map(shutil.which, (name, *others))), None)
    if found is None:
        reason = f"{name} is not there: apt-get install {package}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found


def run(*command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program to its end, and answer what it said."""
    return subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
