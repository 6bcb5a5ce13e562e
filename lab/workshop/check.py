"""Give the check a service of its own, for as long as it is needed."""

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
from lab.service import Service, ServiceFailedError, running_service
from lab.workshop.judge import judge
from lab.workshop.probes import Probes
from lab.workshop.scratch import scratch_database
from lab.workshop.verdict import Verdict
from lab.workshop.written import observer

POOL_TIMEOUT = 5
"""Seconds: a request that waits for so long, waits in vain."""
REQUEST_SECONDS = 30
_ERROR = re.compile(r"^[\w.]+: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks files by a service that runs; ends with it."""

    service: Service
    dsn: str

    async def check(
        self, lesson: Lesson, report: Callable[[str], None]
    ) -> Verdict:
        """Check a lesson's file as it is now.

        Raises:
            ServiceFailedError: the service has gone, answers nobody, or
                does not come to rest.

        """
        try:
            async with (
                httpx.AsyncClient(
                    base_url=self.service.url,
                    headers=self.service.headers,
                    # After a 500 the server closes the connection.
                    limits=httpx.Limits(max_keepalive_connections=0),
                    timeout=REQUEST_SECONDS,
                    trust_env=False,
                ) as client,
                observer(self.dsn) as looking,
            ):
                errors = _Errors(self.service.log)
                probes = Probes(lesson, client, looking, errors.last)
                return await judge(probes, report)
        except httpx.TimeoutException as error:
            message = (
                f"{file_of(lesson)} has stopped the service: nobody is"
                f" answered for {REQUEST_SECONDS} s. Does it have a loop, or a"
                " wait, that does not end?"
            )
            raise ServiceFailedError(message) from error
        except FaultError as error:
            message = f"{file_of(lesson)}: {error}"
            raise ServiceFailedError(message) from error
        except httpx.HTTPError as error:
            log = self.service.log.read_text()[-2000:]
            message = f"{lesson.name}: {error!r}\n{log}"
            raise ServiceFailedError(message) from error


@contextmanager
def checker(
    settings: Settings, pool_timeout: float = POOL_TIMEOUT
) -> Iterator[Checker]:
    """Start a service for checks, and end it with the block.

    Args:
        settings: which server to use.
        pool_timeout: after so many seconds a request has waited in vain.

    Raises:
        ServiceFailedError: it did not start.

    """
    with (
        scratch_database(settings) as scratch,
        running_service(
            DATABASE_URL=scratch.database_url.get_secret_value(),
            DATABASE_DIRECT_URL="",
            POOL_TIMEOUT=str(pool_timeout),
        ) as service,
    ):
        yield Checker(service, scratch.dsn)


class _Errors:
    """What a log says of failures, from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._seen = len(log.read_text())

    def last(self) -> str:
        """What the newest stack trace ends with, if there is one."""
        text = self._log.read_text()
        new, self._seen = text[self._seen :], len(text)
        _, trace, told = new.rpartition("Traceback (most recent call last)")
        found = _ERROR.search(told) if trace else None
        return told[found.start() :] if found else ""
