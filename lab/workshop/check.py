"""A service that is started for checks, and ended with them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.control.exercise_file import file_of
from app.lesson import Lesson
from app.settings import Settings
from lab.check.observe import FaultError
from lab.http import open_client
from lab.service import Service, ServiceFailedError, running_service
from lab.workshop.check_database import check_database
from lab.workshop.judge import judge
from lab.workshop.probes import Probes
from lab.workshop.result import CheckResult
from lab.workshop.writes import observer

POOL_TIMEOUT = 5
"""Seconds that a request may wait for a connection."""
REQUEST_SECONDS = 30
_ERROR = re.compile(r"^[\w.]+: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks files with a running service."""

    service: Service
    dsn: str

    async def check(
        self, lesson: Lesson, report: Callable[[str], None]
    ) -> CheckResult:
        """Check a lesson's file as it is now.

        Raises:
            ServiceFailedError: the service has ended, does not respond, or
                keeps running requests.

        """
        try:
            async with (
                open_client(
                    self.service.url, self.service.token, REQUEST_SECONDS
                ) as client,
                observer(self.dsn) as looking,
            ):
                errors = _Errors(self.service.log)
                probes = Probes(lesson, client, looking, errors.last)
                return await judge(probes, report)
        except httpx.TimeoutException as error:
            message = (
                f"{file_of(lesson)} has stopped the service: no request was"
                f" served for {REQUEST_SECONDS} s. Does it have a loop, or a"
                " wait, that does not end?"
            )
            raise ServiceFailedError(message) from error
        except FaultError as error:
            message = f"{file_of(lesson)}: {error}"
            raise ServiceFailedError(message) from error
        except httpx.HTTPError as error:
            log = self.service.log_tail
            message = f"{lesson.name}: {error!r}\n{log}"
            raise ServiceFailedError(message) from error


@contextmanager
def checker(
    settings: Settings, pool_timeout: float = POOL_TIMEOUT
) -> Iterator[Checker]:
    """Start a service for checks, and end it with the block.

    Args:
        settings: the database server to use.
        pool_timeout: seconds that a request may wait for a connection.

    Raises:
        ServiceFailedError: it did not start.

    """
    with (
        check_database(settings) as scratch,
        running_service(
            DATABASE_URL=scratch.database_url.get_secret_value(),
            DATABASE_DIRECT_URL="",
            POOL_TIMEOUT=str(pool_timeout),
        ) as service,
    ):
        yield Checker(service, scratch.dsn)


class _Errors:
    """Failures in a service's log, from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._seen = len(log.read_text())

    def last(self) -> str:
        """The last line of the newest stack trace, if there is one."""
        text = self._log.read_text()
        new, self._seen = text[self._seen :], len(text)
        _, trace, told = new.rpartition("Traceback (most recent call last)")
        found = _ERROR.search(told) if trace else None
        return told[found.start() :] if found else ""
