"""A service's pools, live in the terminal, as `top` shows processes."""

import time
from collections.abc import Iterator

import httpx
from pydantic import ValidationError
from rich.console import Group
from rich.text import Text

from poolwatch.pages import tables
from poolwatch.pages.models import Leaks, Loans

PATIENCE = 5.0
"""Seconds the service has to answer."""
FINDINGS = 10
"""Findings shown, of those remembered."""


class Away(Exception):  # noqa: N818 - a state of the service, not a fault
    """The service does not answer, or not with poolwatch's pages."""


class Service:
    """A service that has poolwatch's routes mounted, or its own port."""

    def __init__(self, client: httpx.Client) -> None:
        """Ask with this client, which knows address and token."""
        self._client = client

    @property
    def address(self) -> str:
        """Where it is, without the password that the URL may have."""
        return str(self._client.base_url.copy_with(userinfo=b""))

    def look(self) -> Group:
        """Take one look.

        Raises:
            Away: with the reason in a word.

        """
        end = time.monotonic() + PATIENCE
        try:
            loans = Loans.model_validate_json(self._get("loans", end))
            leaks = Leaks.model_validate_json(self._get("leaks", end))
        except httpx.HTTPStatusError as error:
            answer = error.response
            message = f"{answer.status_code} {answer.reason_phrase}"
            raise Away(message) from error
        except httpx.HTTPError as error:
            raise Away(str(error) or type(error).__name__) from error
        except ValidationError as error:
            message = "it answers, but not with poolwatch's pages"
            raise Away(message) from error
        return Group(
            self._headline(loans),
            *tables.remarks(loans),
            Text(),
            tables.pools(loans),
            Text(),
            tables.loan_sites(loans),
            Text(),
            tables.found(leaks, FINDINGS),
        )

    def looks(self, interval: float) -> Iterator[Group]:
        """Look again and again; a service that is away may come back."""
        while True:
            try:
                yield self.look()
            except Away as away:
                yield Group(Text(f"{self.address}: {away}; trying again …"))
            time.sleep(interval)

    def _get(self, page: str, end: float) -> bytes:
        content = b""
        with self._client.stream("GET", f"poolwatch/{page}") as answer:
            answer.raise_for_status()
            for part in answer.iter_bytes():
                content += part
                # The client's own timeout is one of each part.
                if time.monotonic() > end:
                    raise Away(f"it answers for more than {PATIENCE:.0f} s")
        return content

    def _headline(self, loans: Loans) -> Text:
        late = max((p.lag_seconds for p in loans.processes), default=0)
        return Text(
            f"{self.address}  {time.strftime('%H:%M:%S')}"
            f"  processes: {len(loans.processes)}"
            f"  borrowers: {sum(p.borrowers for p in loans.processes)}"
            f"  loans: {len(loans.loans)}"
            f"  event loop late: {late:.2f} s",
            style="bold",
        )
