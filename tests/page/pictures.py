"""Take the pictures that the documentation shows: real runs, real pools.

    python -m tests.page.pictures

It starts the lab with an embedded server, unless DATABASE_URL names one, and
uses the page as a trainee would.
"""

import asyncio
import os
import re
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect

from app.cli.run import say
from lab.start import database
from tests.page.browser import FLAGS, executable, open_page
from tests.page.lab import RunningLab, running_lab
from tests.page.test_lesson import choose, switch_collector_off

FOLDER = Path("docs/pictures")
REPORT = Path("report/index.html").absolute()
"""What `make demo` has written, if it has."""
SIZES = {"": (1280, 720), "-phone": (390, 844)}
"""Of the pictures, by the end of their names."""
RATE = 20
"""Requests per second."""


async def take_all(lab: RunningLab, *, is_reported: bool) -> None:
    """Show a lesson from its quiet beginning to its reset."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable(), args=FLAGS
        )
        async with open_page(browser, lab) as page:
            await page.get_by_label("Requests/s").fill(str(RATE))
            await page.get_by_role("button", name="Start load").click()
            await draw_load(page, 20 * RATE)
            await take(page, "quiet")
            await show_leak(browser, lab, page)
        if is_reported:
            for end, (width, height) in SIZES.items():
                report = await browser.new_page(
                    viewport={"width": width, "height": height}
                )
                await report.goto(REPORT.as_uri())
                await take(report, f"report{end}")
        await browser.close()


async def show_leak(browser: Browser, lab: RunningLab, page: Page) -> None:
    """Let the leak fill the pool, find its line, and take it back."""
    await choose(page, "before")
    await draw_load(page, 45 * RATE)
    await take(page, "leaking")

    await switch_collector_off(page)
    await expect(page.locator(".lent").first).to_have_text(
        "30 of 30 checked out"
    )
    await draw_load(page, 15 * RATE)
    await take(page, "exhausted")
    width, height = SIZES["-phone"]
    async with open_page(browser, lab, "/", width, height, level="bad") as at:
        await take(at, "exhausted-phone")
        await at.locator(".site.leaked").first.click()
        await expect(at.get_by_role("dialog").locator("ol")).to_be_visible()
        await take(at, "line-phone")
    await page.get_by_role("button", name="4 Find the line").click()
    await expect(page.get_by_role("dialog").locator("ol")).to_be_visible()
    await take(page, "line")
    await page.keyboard.press("Escape")

    await choose(page, "after")
    await page.get_by_role("button", name="Reset all").click()
    await expect(page.locator(".message")).to_contain_text("Reset: freed")
    await draw_load(page, 10 * RATE)
    await take(page, "reset")


async def draw_load(page: Page, requests: int) -> None:
    """Wait until the page shows so many more requests."""
    total = page.locator(".rates .since")
    shown = await total.inner_text()
    while requests > 0:
        before = handled(shown)
        await expect(total).not_to_have_text(shown)
        shown = await total.inner_text()
        now = handled(shown)
        requests -= now - before if now >= before else now  # 0 after a reset


def handled(shown: str) -> int:
    """Add up "in all SUCCEEDED · FAILED · TIMEOUTS"; timeouts have failed."""
    numbers = re.findall(r"[\d,]+", shown)[:2]
    return sum(int(each.replace(",", "")) for each in numbers)


async def take(page: Page, name: str) -> None:
    """Write one picture, with the mouse away from tooltips."""
    await page.mouse.move(640, 2)
    await expect(page.locator(".q-tooltip")).to_have_count(0)
    path = FOLDER / f"{name}.png"
    await page.screenshot(path=path, animations="disabled")
    # 256 colours are enough for flat areas, in a third of the size.
    Image.open(path).convert("RGB").quantize(
        256,
        method=Image.Quantize.MAXCOVERAGE,
        kmeans=4,
        dither=Image.Dither.NONE,
    ).save(path, optimize=True)
    say(f"{path}: {path.stat().st_size // 1024} KiB")


def main() -> None:
    """Start the lab with the default pools, and take all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        database(),
        running_lab(os.environ["DATABASE_URL"], buffer=17, timeout=5) as lab,
    ):
        asyncio.run(take_all(lab, is_reported=REPORT.exists()))


if __name__ == "__main__":
    main()
