"""A service's pools, live in the terminal, as `top` shows processes."""

import time
from collections.abc import Iterator
from http import HTTPStatus

from poolwatch.extras import extra
from poolwatch.pages import tables
from poolwatch.pages.models import LeaksPage, LoansPage

with extra("cli"):
    import httpx
    from pydantic import ValidationError
    from rich.console import Group
    from rich.text import Text

RESPONSE_SECONDS = 5.0
"""Time the service has for a response."""
FINDINGS = 10
"""Lines of findings shown, of those remembered."""
NOT_ALLOWED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class NoPagesError(Exception):
    """The service does not respond, or not with poolwatch's pages."""


class PagesClient:
    """Reads the pages of a service, from its own routes or from the thread."""

    def __init__(self, client: httpx.Client) -> None:
        """Use this client, which has the address and the token."""
        self._client = client

    @property
    def address(self) -> str:
        """The service's URL, without the password that it may have."""
        return str(self._client.base_url.copy_with(userinfo=b""))

    def show(self) -> Group:
        """Read the pages once, and lay them out.

        Raises:
            NoPagesError: with the reason in one line.

        """
        end = time.monotonic() + RESPONSE_SECONDS
        try:
            loans = LoansPage.model_validate_json(self._get("loans", end))
            leaks = LeaksPage.model_validate_json(self._get("leaks", end))
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            message = f"{status} {error.response.reason_phrase}"
            if status in NOT_ALLOWED:
                message += ": pass the service's token with --token"
            raise NoPagesError(message) from error
        except httpx.HTTPError as error:
            message = str(error) or type(error).__name__
            raise NoPagesError(message) from error
        except ValidationError as error:
            message = "it responds, but not with poolwatch's pages"
            raise NoPagesError(message) from error
        return Group(
            self._headline(loans),
            *tables.notes(loans),
            Text(),
            tables.pools(loans),
            Text(),
            tables.loan_sites(loans),
            Text(),
            tables.findings(leaks, FINDINGS),
        )

    def show_forever(self, interval: float) -> Iterator[Group]:
        """Read the pages again and again, also after a failure."""
        while True:
            try:
                yield self.show()
            except NoPagesError as error:
                yield Group(Text(f"{self.address}: {error}; trying again …"))
            time.sleep(interval)

    def _get(self, page: str, end: float) -> bytes:
        content = b""
        with self._client.stream("GET", f"poolwatch/{page}") as response:
            response.raise_for_status()
            for part in response.iter_bytes():
                content += part
                # The client's own timeout is for each part.
                if time.monotonic() > end:
                    message = f"no end after {RESPONSE_SECONDS:.0f} s"
                    raise NoPagesError(message)
        return content

    def _headline(self, loans: LoansPage) -> Text:
        late = max((p.lag_seconds for p in loans.processes), default=0)
        return Text(
            f"{self.address}  {time.strftime('%H:%M:%S')}"
            f"  processes: {len(loans.processes)}"
            f"  borrowers: {sum(p.borrowers for p in loans.processes)}"
            f"  loans: {len(loans.loans)}"
            f"  event loop late: {late:.2f} s",
            style="bold",
        )
