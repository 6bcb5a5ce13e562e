"""The lock files, and what pyproject.toml requires of them."""

import re
import tomllib
from pathlib import Path

LOCKS = sorted(path.name for path in Path().glob("requirements*.lock"))
PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["project"]


def packages(lock: str) -> list[str]:
    """Return a lock's packages, with version, marker and hashes."""
    return re.split(r"\n(?! )", Path(lock).read_text().rstrip("\n"))


def name_of(requirement: str) -> str:
    """Return a package's name in the spelling that pip compares."""
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


DEPENDENCIES = {name_of(want) for want in PROJECT["dependencies"]}
EXTRAS = {
    extra: {name_of(want) for want in wants}
    for extra, wants in PROJECT["optional-dependencies"].items()
}
