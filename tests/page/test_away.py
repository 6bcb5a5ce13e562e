"""The page goes on while the service hangs, is killed, or is started anew."""

import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.page.browser import looking_at
from tests.page.lab import Lab, running_lab
from tests.process.command import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def patient_lab(database_url: str) -> Iterator[Lab]:
    """One whose pools let a borrower wait for ten seconds."""
    with running_lab(database_url, timeout=10) as lab:
        yield lab


async def test_a_service_that_is_killed_is_away_and_comes_back_by_itself(
    page: Page, lab: Lab
) -> None:
    lab.process("serve").send_signal(signal.SIGKILL)

    presence = page.locator(".presence")
    await expect(presence).to_contain_text("the service is away")
    await expect(page.get_by_role("alert")).to_contain_text("make lab")
    await expect(
        page.get_by_role("region", name="Pool engine")
    ).to_contain_text("not known")
    await page.get_by_role("button", name="Collect now").click()
    await expect(page.locator(".said")).to_contain_text(
        re.compile("The service is away, so nothing was done|The collector")
    )

    await expect(presence).to_contain_text("the service answers")
    await expect(page.get_by_role("alert")).to_be_hidden()
    await expect(
        page.get_by_role("region", name="Pool engine")
    ).to_contain_text("0 of 6 lent")


async def test_a_reset_waits_until_a_blocked_event_loop_turns_again(
    browser: Browser, patient_lab: Lab
) -> None:
    """Eight want one of six connections, and two wait for it on the loop.

    Each for the pool's timeout, which here is long enough to be seen.
    """
    lab = patient_lab
    lab.ask("PUT", "/lab/provider", answers=False)
    with ThreadPoolExecutor(9) as clients:
        async with looking_at(browser, lab) as page:
            for _ in range(8):
                clients.submit(locate_order, lab)
            wait_until(
                lambda: lab.ask("GET", "/lab/provider").json()["waiting"] == 8
            )
            clients.submit(lab.ask, "PUT", "/lab/provider", answers=True)

            presence = page.locator(".presence")
            await expect(presence).to_contain_text("the service hangs")
            reset = page.get_by_role("button", name="Reset")
            await reset.click()
            await expect(reset).to_be_disabled()
            said = page.locator(".said")
            await expect(said).to_contain_text("event loop is blocked")

            await expect(said).to_contain_text("Reset: freed")
            await expect(presence).to_contain_text("answers")


def locate_order(lab: Lab) -> None:
    """Ask the handler that waits on the event loop."""
    with suppress(httpx.TransportError):
        httpx.get(f"{lab.service}/before/orders/1/location", timeout=60)
