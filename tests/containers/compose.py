"""The compose file, read without any environment variable."""

import re
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

PATH = Path("docker-compose.yml")
TEXT = PATH.read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(
    re.sub(r"\$\{\w+:-(.*?)\}", r"\1", TEXT)
)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {
    name: it for name, it in SERVICES.items() if it["image"] == "order-service"
}
"""The services that run the order service's image."""

SERVING = {name: it for name, it in OURS.items() if "command" not in it}
"""Those of them that keep running."""

PROFILES = sorted(
    {profile for it in SERVICES.values() for profile in it.get("profiles", ())}
)


def started(profile: str | None) -> set[str]:
    """Return the services that `docker compose up` starts with a profile."""
    return {
        name
        for name, it in SERVICES.items()
        if "profiles" not in it or profile in it["profiles"]
    }


def mounts(name: str) -> dict[str, str]:
    """Return a service's volumes by their path in the container."""
    pairs = [it.split(":") for it in SERVICES[name].get("volumes", ())]
    return {inside: source for source, inside, *_ in pairs}


def here(name: str, path: str) -> Path:
    """Find the file of this repository that a container has at a path."""
    for inside, source in mounts(name).items():
        if path.startswith(f"{inside}/"):
            return Path(source, path.removeprefix(f"{inside}/"))
    raise FileNotFoundError(path)
