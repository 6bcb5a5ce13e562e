"""Calls of the service's lab endpoints, each with a bounded wait."""

from typing import Any, Self

import httpx

from poolwatch.pages.models import LoansPage

SECONDS = 5.0
POLL_SECONDS = 1.0
"""A call that is repeated every second waits less."""


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
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        """Open nothing: the first call connects."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        seconds: float = SECONDS,
    ) -> dict[str, Any]:
        """Call an endpoint and return its JSON, or raise a ControlError."""
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

    async def flags(self) -> dict[str, str]:
        """Read each lesson's flag: a variant, or `split`."""
        flags = await self.call("GET", "/lab/flags", seconds=POLL_SECONDS)
        return {name: _variant(flag) for name, flag in flags.items()}

    async def loans(self) -> LoansPage:
        """Read the open loans, with call stacks and server activity."""
        url = f"{self._poolwatch}/poolwatch/loans"
        return LoansPage.model_validate(await self.call("GET", url))

    async def process_lives(self) -> bool:
        """Whether the process answers, even if its event loop does not."""
        url = f"{self._poolwatch}/healthz"
        try:
            alive = await self.call("GET", url, seconds=POLL_SECONDS)
        except ControlError:
            return False
        self._process = alive["process"]
        return True

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
