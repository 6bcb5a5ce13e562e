"""One browser and one lab for all tests of the page, reset after each."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.page.browser import FLAGS, executable, open_page
from tests.page.lab import RunningLab, running_lab


def pytest_itemcollected(item: pytest.Item) -> None:
    if "browser" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.slow)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium without a window; in CI it must be there."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable(), args=FLAGS
        )
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def session_lab(database_url: str) -> Iterator[RunningLab]:
    """Started once; see `lab`."""
    with running_lab(database_url) as lab:
        yield lab


@pytest.fixture
def lab(session_lab: RunningLab) -> Iterator[RunningLab]:
    """The running lab, reset afterwards."""
    yield session_lab
    session_lab.ask("POST", "/lab/reset")


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, lab: RunningLab) -> AsyncIterator[Page]:
    """The page of lesson orders on a projector, reset in the end."""
    async with open_page(browser, lab, "/lessons/orders") as page:
        yield page
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        stop = page.get_by_role("button", name="Stop load")
        if await stop.is_visible():
            await stop.click()
        await page.get_by_role("button", name="Reset all").click()
        await expect(page.locator(".message")).to_contain_text("Reset: freed")
