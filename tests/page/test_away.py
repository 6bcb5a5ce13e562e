"""The page goes on while the service hangs, is killed, or is started anew."""

import re
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.page.lab import Lab
from tests.process.command import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
    page: Page, lab: Lab
) -> None:
    """Twelve want one of six connections, and wait for it on the loop."""
    lab.ask("PUT", "/lab/provider", answers=False)
    with ThreadPoolExecutor(13) as clients:
        for _ in range(12):
            clients.submit(locate_order, lab)
        wait_until(
            lambda: lab.ask("GET", "/lab/provider").json()["waiting"] == 12
        )
        clients.submit(lab.ask, "PUT", "/lab/provider", answers=True)

        await expect(page.locator(".presence")).to_contain_text(
            "the service hangs"
        )
        await page.get_by_role("button", name="Reset").click()
        # Meanwhile it says that the loop is blocked, if it still is.
        said = page.locator(".said")
        await expect(said).to_contain_text(re.compile("Reset: freed"))
        await expect(page.locator(".presence")).to_contain_text("answers")


def locate_order(lab: Lab) -> None:
    """Ask the handler that waits on the event loop."""
    with suppress(httpx.TransportError):
        httpx.get(f"{lab.service}/before/orders/1/location", timeout=60)
