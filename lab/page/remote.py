"""What the page has the service do, each in one call with bounded patience.

The answer is a sentence for the page. What goes wrong is one as well.
"""

from typing import Any, Self

import httpx

from app.control.reset import Reset
from app.lesson import Lesson, Variant
from poolwatch.pages.models import LoansPage

SECONDS = 5.0
LOOK_SECONDS = 1.0
"""Who looks again and again waits less: the next look is soon."""
RESET_SECONDS = 60.0
"""A reset is waited for longer: it is what frees a service that hangs."""


class RemoteError(Exception):
    """The service did not do it; the message is for whoever asked."""


class Remote:
    """The lab's control endpoints; the token stays in this process."""

    def __init__(self, service: str, lookout: str, token: str) -> None:
        """Name the service, and the thread that answers while it hangs."""
        self._process: int | None = None
        self._lookout = lookout
        self._client = httpx.AsyncClient(
            base_url=service,
            headers={"Authorization": f"Bearer {token}"},
            timeout=SECONDS,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first call."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of every connection."""
        await self._client.aclose()

    async def set_flag(self, lesson: Lesson, variant: Variant) -> str:
        """Choose who answers a lesson's routes."""
        await self._ask(
            "PUT", f"/lab/flags/{lesson.name}", {"variant": variant}
        )
        return f"{lesson.name}: {variant} answers."

    async def collect(self) -> str:
        """Force a garbage collection."""
        found = await self._ask("POST", "/lab/gc")
        return (
            f"The collector found {found['unreachable']:,} objects to free,"
            f" and brought back {_count(found['loans_returned'], 'loan')}."
        )

    async def switch_collector(self, *, on: bool) -> str:
        """Let Python's collector run by itself, or not."""
        await self._ask("PUT", "/lab/gc", {"enabled": on})
        return (
            "The collector runs by itself again."
            if on
            else "The collector is off: it hides no leak."
        )

    async def switch_provider(self, *, answers: bool) -> str:
        """Let the slow service that lessons call answer, or not."""
        await self._ask("PUT", "/lab/provider", {"answers": answers})
        return (
            "The provider answers again."
            if answers
            else "The provider is silent: whoever calls it waits, up to 20 s."
        )

    async def reclaim(self) -> str:
        """Take back what is leaked."""
        freed = await self._ask("POST", "/lab/reclaim")
        return f"Took back {_count(freed['loans_freed'], 'leaked loan')}."

    async def reset(self) -> str:
        """Put all back as it began."""
        body = await self._ask("POST", "/lab/reset", seconds=RESET_SECONDS)
        return _told(Reset.model_validate(body))

    async def flags(self) -> dict[str, str]:
        """Read who answers each lesson: a variant, or `split`."""
        flags = await self._ask("GET", "/lab/flags", seconds=LOOK_SECONDS)
        return {name: _who_answers(flag) for name, flag in flags.items()}

    async def loans(self) -> LoansPage:
        """Ask the lookout who holds what, with stacks and activity."""
        page = await self._ask("GET", f"{self._lookout}/poolwatch/loans")
        return LoansPage.model_validate(page)

    async def is_looking_out(self) -> bool:
        """Whether the process lives, though its event loop may not turn."""
        url = f"{self._lookout}/healthz"
        try:
            alive = await self._ask("GET", url, seconds=LOOK_SECONDS)
        except RemoteError:
            return False
        self._process = alive["process"]
        return True

    async def _ask(
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
            raise RemoteError(self._hangs(seconds)) from error
        except httpx.TransportError as error:
            message = "The service is away, so nothing was done."
            raise RemoteError(message) from error
        if answer.is_error:
            message = f"The service refused: {_reason(answer)}"
            raise RemoteError(message)
        return answer.json()  # type: ignore[no-any-return]

    def _hangs(self, seconds: float) -> str:
        said = f"The service has not answered for {seconds:.0f} s. "
        if self._process is None:
            return said + "Try again."
        return said + (
            "Its event loop is blocked: stop the load and try again, or end"
            f" it, and it is started again: kill -9 {self._process}"
        )


def _who_answers(flag: dict[str, Any]) -> str:
    """Read a flag as the service does: in doubt it is *after*."""
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


def _told(done: Reset) -> str:
    """Say what a reset has done."""
    pools = ", ".join(f"{n} {name}" for name, n in done.freed_by_pool.items())
    said = f"Reset: freed {_count(done.loans_freed, 'loan')}"
    said += f" ({pools})" if pools else ""
    if done.backends_ended is not None:
        said += f"; the server ended {_count(done.backends_ended, 'backend')}"
    if done.flags_changed:
        said += f"; back to after: {', '.join(done.flags_changed)}"
    if done.backends_left:
        said += f"; {_count(done.backends_left, 'backend')} still there"
    if done.loans_left:
        said += f"; {_count(done.loans_left, 'leak')} left: reset once more"
    if done.still_running:
        said += f"; {_count(done.still_running, 'request')} still running"
    return said + "."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
