"""Calls of the service's lab endpoints, each with a bounded wait.

A call returns a sentence for the page, or raises one.
"""

from typing import Any, Self

import httpx

from app.control.reset import Reset
from app.lesson import Lesson, Variant
from lab.page.words import count
from poolwatch.pages.models import Loans

SECONDS = 5.0
POLL_SECONDS = 1.0
"""A call that is repeated every second waits less."""
RESET_SECONDS = 60.0
"""A reset frees a blocked service, so it may wait for the event loop."""


class ControlError(Exception):
    """The service did not do it; the message says why."""


class ControlClient:
    """The lab's control endpoints. The token stays in this process."""

    def __init__(self, service: str, poolwatch: str, token: str) -> None:
        """Take the service's URL, and that of poolwatch's thread in it."""
        self._process: int | None = None
        self._poolwatch = poolwatch
        self._client = httpx.AsyncClient(
            base_url=service,
            headers={"Authorization": f"Bearer {token}"},
            timeout=SECONDS,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        """Open nothing: the first call connects."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def set_flag(self, lesson: Lesson, variant: Variant) -> str:
        """Choose the variant that handles a lesson's routes."""
        path = f"/lab/flags/{lesson.name}"
        await self._request("PUT", path, {"variant": variant})
        return f"{variant} handles the requests of lesson {lesson.name}."

    async def collect(self) -> str:
        """Force a garbage collection."""
        found = await self._request("POST", "/lab/gc")
        return (
            f"The garbage collector freed {found['unreachable']:,} objects,"
            f" which returned {count(found['loans_returned'], 'connection')}."
        )

    async def switch_collector(self, *, on: bool) -> str:
        """Switch Python's automatic garbage collection."""
        await self._request("PUT", "/lab/gc", {"enabled": on})
        return (
            "The garbage collector is on."
            if on
            else "The garbage collector is off: it hides no leak."
        )

    async def switch_provider(self, *, answers: bool) -> str:
        """Let the outside service that some lessons call answer or not."""
        await self._request("PUT", "/lab/provider", {"answers": answers})
        return (
            "The provider answers."
            if answers
            else "The provider is silent: its callers wait up to 20 s."
        )

    async def reclaim(self) -> str:
        """Close leaked connections."""
        freed = await self._request("POST", "/lab/reclaim")
        return f"Took back {count(freed['loans_freed'], 'leaked loan')}."

    async def reset(self) -> str:
        """Restore the state in which the service started."""
        body = await self._request("POST", "/lab/reset", seconds=RESET_SECONDS)
        return _sum_up(Reset.model_validate(body))

    async def flags(self) -> dict[str, str]:
        """Read each lesson's flag: a variant, or `split`."""
        flags = await self._request("GET", "/lab/flags", seconds=POLL_SECONDS)
        return {name: _variant(flag) for name, flag in flags.items()}

    async def loans(self) -> Loans:
        """Read the open loans, with call stacks and server activity."""
        url = f"{self._poolwatch}/poolwatch/loans"
        return Loans.model_validate(await self._request("GET", url))

    async def process_lives(self) -> bool:
        """Whether the process answers, even if its event loop does not."""
        url = f"{self._poolwatch}/healthz"
        try:
            alive = await self._request("GET", url, seconds=POLL_SECONDS)
        except ControlError:
            return False
        self._process = alive["process"]
        return True

    async def _request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        seconds: float = SECONDS,
    ) -> dict[str, Any]:
        try:
            answer = await self._client.request(
                method, path, json=body, timeout=seconds
            )
        except httpx.TimeoutException as error:
            raise ControlError(self._no_answer(seconds)) from error
        except httpx.TransportError as error:
            message = "The service is down, so nothing was done."
            raise ControlError(message) from error
        if answer.is_error:
            message = f"The service refused: {_reason(answer)}"
            raise ControlError(message)
        return answer.json()  # type: ignore[no-any-return]

    def _no_answer(self, seconds: float) -> str:
        message = f"The service has not answered for {seconds:.0f} s. "
        if self._process is None:
            return message + "Try again."
        return message + (
            "Its event loop is blocked: stop the load and try again, or kill"
            f" the process, which restarts it: kill -9 {self._process}"
        )


def _variant(flag: dict[str, Any]) -> str:
    """Read a flag as the service does: if in doubt it is *after*."""
    if flag.get("state") != "ENABLED":
        return "after"
    if flag.get("targeting"):
        return "split"
    return "before" if flag.get("defaultVariant") == "before" else "after"


def _reason(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem["title"])
    except (ValueError, LookupError, AttributeError):
        return f"status {answer.status_code}"


def _sum_up(done: Reset) -> str:
    pools = ", ".join(f"{n} {name}" for name, n in done.freed_by_pool.items())
    parts = [
        f"Reset: freed {count(done.loans_freed, 'loan')}"
        + (f" ({pools})" if pools else "")
    ]
    if done.backends_ended is not None:
        ended = count(done.backends_ended, "backend")
        parts.append(f"PostgreSQL ended {ended}")
    if done.flags_changed:
        parts.append(f"back to after: {', '.join(done.flags_changed)}")
    if done.backends_left:
        parts.append(f"{count(done.backends_left, 'backend')} still there")
    if done.loans_left:
        parts.append(f"{count(done.loans_left, 'leak')} left: reset again")
    if done.still_at_work:
        parts.append(f"{count(done.still_at_work, 'request')} still running")
    return "; ".join(parts) + "."
