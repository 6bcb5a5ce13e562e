"""Take the pictures that the documentation shows: real runs, real pools.

    python -m tests.page.pictures

It starts the lab with an embedded server, unless DATABASE_URL names one, and
works the page as a trainee would.
"""

import asyncio
import os
import re
from pathlib import Path

from PIL import Image
from playwright.async_api import Page, async_playwright, expect

from app.cli.run import say
from lab.start import database
from tests.page.browser import FLAGS, looking_at
from tests.page.lab import Lab, running_lab
from tests.page.test_lesson import choose, switch_collector_off
from tests.programs import program

FOLDER = Path("docs/pictures")
REPORT = Path("report/index.html").absolute()
"""What `make demo` has written, if it has."""
LEAKING_SECONDS = 45
"""How long the leak is watched, so that there is something to see."""


async def take_all(lab: Lab, *, is_reported: bool) -> None:
    """Show a lesson from its quiet beginning to its reset."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program("chromium", "chromium", "google-chrome"),
            args=FLAGS,
        )
        async with looking_at(browser, lab) as page:
            await page.get_by_label("Requests/s").fill("20")
            await page.get_by_role("button", name="Start load").click()
            await asyncio.sleep(20)
            await take(page, "quiet")
            await leak(page)
        if is_reported:
            context = await browser.new_context(
                viewport={"width": 1280, "height": 720}
            )
            page = await context.new_page()
            await page.goto(REPORT.as_uri())
            await take(page, "report")
        await browser.close()


async def leak(page: Page) -> None:
    """Let the leak be seen, run its course, and be taken back."""
    await choose(page, "before")
    await asyncio.sleep(LEAKING_SECONDS)
    await take(page, "leaking")

    await switch_collector_off(page)
    await expect(page.locator(".lent").first).to_have_text("30 of 30 lent")
    await asyncio.sleep(8)
    await page.locator(".sites.leaked .site").first.click()
    await expect(page.get_by_role("dialog").locator("ol")).to_be_visible()
    await take(page, "exhausted")
    await page.keyboard.press("Escape")

    await page.get_by_role("button", name="Reset").click()
    await expect(page.locator(".said")).to_contain_text(
        re.compile(r"Reset: freed \d+")
    )
    await asyncio.sleep(10)
    await take(page, "reset")


async def take(page: Page, name: str) -> None:
    """Write one picture, without a button that has just been used."""
    await page.mouse.move(640, 5)
    await asyncio.sleep(1)
    path = FOLDER / f"{name}.png"
    await page.screenshot(path=path)
    # Flat colours: 256 of them do, in a third of the size.
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
