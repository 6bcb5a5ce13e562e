"""The page goes on while the service is blocked, killed, or restarted."""

import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.page.browser import open_page
from tests.page.lab import RunningLab, running_lab
from tests.process.command import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def patient_lab(database_url: str) -> Iterator[RunningLab]:
    """Its pools let a request wait for ten seconds."""
    with running_lab(database_url, timeout=10) as lab:
        yield lab


async def test_a_killed_service_is_down_until_it_has_restarted(
    page: Page, lab: RunningLab
) -> None:
    lab.process("serve").send_signal(signal.SIGKILL)

    headline, pool = page.locator(".headline"), page.locator(".pool").first
    await expect(headline).to_contain_text("The service is down, for")
    await expect(headline).to_contain_text("The charts end at")
    await expect(headline).to_contain_text("make lab restarts it")
    await expect(pool).to_contain_text("The service is down.")
    await page.get_by_role("button", name="Collect now").click()
    await expect(page.locator(".message")).to_contain_text(
        re.compile("service is down, so nothing was done|collector freed")
    )

    await expect(headline).to_contain_text("No leak.")
    await expect(pool).to_contain_text("0 of 6 checked out")


async def test_a_reset_waits_until_a_blocked_event_loop_turns_again(
    browser: Browser, patient_lab: RunningLab
) -> None:
    """Eight requests need one of six connections; two block the event loop.

    Each of them until the pool's timeout, which is long enough to be seen.
    """
    lab = patient_lab
    lab.ask("PUT", "/lab/provider", answers=False)
    with ThreadPoolExecutor(9) as clients:
        async with open_page(browser, lab) as page:
            for _ in range(8):
                clients.submit(locate_order, lab)
            wait_until(
                lambda: lab.ask("GET", "/lab/provider").json()["waiting"] == 8
            )
            clients.submit(lab.ask, "PUT", "/lab/provider", answers=True)

            headline = page.locator(".headline")
            await expect(headline).to_contain_text("event loop is blocked")
            reset = page.get_by_role("button", name="Reset all")
            await reset.click()
            await expect(reset).to_be_disabled()
            message = page.locator(".message")
            await expect(message).to_contain_text("event loop is blocked")

            await expect(message).to_contain_text("Reset: freed")
            await expect(headline).to_contain_text("No leak.")


def locate_order(lab: RunningLab) -> None:
    """Call the handler that waits on the event loop."""
    with suppress(httpx.TransportError):
        httpx.get(f"{lab.service}/before/orders/1/location", timeout=60)
