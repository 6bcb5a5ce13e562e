"""A lesson from end to end, as a room sees it."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from app.api import LESSONS
from tests.page.browser import open_page
from tests.page.lab import RunningLab

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_guide_leads_from_the_leak_to_its_cure(
    page: Page, lab: RunningLab
) -> None:
    headline, watch = page.locator(".headline"), page.locator(".watch")
    lent = page.get_by_role("region", name="Pool engine").locator(".lent")
    current = page.locator("[aria-current=step]")

    await expect(current).to_have_text("1 Leaky")
    await current.click()
    await expect(watch).to_contain_text("LEAK lines of the code")
    await expect(current).to_have_text("2 Load")
    await current.click()
    await expect(watch).to_contain_text("Requests succeed until the pool")
    await expect(current).to_have_text("3 Collector off")
    await current.click()
    await expect(watch).to_contain_text("Then requests fail")
    await expect(lent).to_have_text("6 of 6 checked out")
    await expect(headline).to_contain_text("Pool engine exhausted: leak.")
    await expect(headline).to_contain_text(
        re.compile(r"of 6 .* app/orders/before\.py:\d+")
    )
    await expect(headline).to_contain_text("Next: Choose after for orders.")
    picture = page.get_by_role("img", name="Pool engine: 6 of 6 checked out")
    await expect(picture).to_be_visible()
    await expect(current).to_have_text("4 Find the line")
    await current.click()
    await expect(watch).to_contain_text("the line of code")
    await page.keyboard.press("Escape")
    assert len([loan for loan in lab.loans().loans if loan.pid]) == 6

    await expect(current).to_have_text("5 Fix")
    await current.click()
    await expect(watch).to_contain_text("the old ones stay")
    await expect(headline).to_contain_text(
        "The fix stops new leaks; 6 connections leaked earlier stay lost"
        " until you take them back."
    )
    await expect(current).to_have_text("6 Take back")
    await page.get_by_role("button", name="Stop load").click()
    await expect(page.locator(".part", has_text="waiting").first).to_have_text(
        "0 waiting"
    )
    await current.click()
    await expect(watch).to_contain_text("requests succeed again")
    await expect(headline).to_contain_text("No leak.")


async def test_a_reset_takes_back_everything_and_counts_from_zero(
    page: Page, lab: RunningLab
) -> None:
    message = page.locator(".message")
    await leak(page)

    await choose(page, "after")
    await page.get_by_role("button", name="Stop load").click()
    await page.get_by_role("button", name="Reset all").click()
    await expect(message).to_contain_text(
        re.compile(r"Reset: freed [1-9]\d* connections.*ended [1-9]\d* back")
    )

    await expect(page.locator(".lent").first).to_have_text(
        "0 of 6 checked out"
    )
    await expect(page.locator(".sites")).to_contain_text("No connection is")
    await expect(page.locator(".since")).to_have_text("in all 0 · 0 · 0")
    assert lab.loans().loans == []


async def test_the_dialog_shows_the_line_and_groups_equal_connections(
    page: Page,
) -> None:
    await leak(page)
    site = page.locator(".site.leaked").first
    count = await site.locator("b").text_content()
    await site.click()

    dialog = page.get_by_role("dialog")
    await expect(dialog.locator(".diff .here")).to_have_count(2)
    await expect(dialog.locator(".diff .leak")).to_be_visible()
    await expect(dialog.locator("ol")).to_contain_text("app/orders/before.py:")
    groups = dialog.locator(".group")
    await expect(groups.first).to_contain_text(
        re.compile(r"\d × leaked; in PostgreSQL: idle in transaction.*SELECT")
    )
    words = [re.sub(r"\d+", "", w) for w in await groups.all_text_contents()]
    assert len({*words}) == len(words) <= int(count or 0)


async def test_each_control_says_what_it_did(page: Page) -> None:
    message = page.locator(".message")
    await leak(page)
    await page.get_by_role("button", name="Stop load").click()
    await expect(message).to_contain_text("The load is off.")
    await choose(page, "after")

    await page.get_by_role("button", name="Collect now").click()
    await expect(message).to_contain_text(
        re.compile(r"returned [1-9]\d* connection")
    )
    await page.get_by_role("button", name="Take back leaks").click()
    await expect(message).to_contain_text(
        re.compile(r"Took back \d+ leaked connections?\.")
    )
    provider = page.get_by_role("switch", name="Provider answers")
    await provider.click()
    await expect(message).to_contain_text("The provider is silent")
    await page.get_by_role("button", name="Reset all").click()
    await expect(message).to_contain_text("Reset: freed")
    await expect(provider).to_be_checked()
    await expect(
        page.get_by_role("switch", name="Garbage collector")
    ).to_be_checked()


async def test_a_lesson_has_a_title_in_the_list_and_an_address(
    page: Page,
) -> None:
    await page.get_by_role("combobox", name="Lesson").click()
    await page.get_by_role("option", name=". row_lock: An error after").click()

    await expect(page).to_have_url(re.compile("/lessons/row_lock$"))
    await expect(page).to_have_title(re.compile("^row_lock"))
    code = page.get_by_label("Changes between before and after")
    await expect(code.locator(".leak")).to_contain_text("row_lock-1:")
    await page.get_by_role("button", name="Side by side").click()
    files = page.get_by_role("dialog")
    await expect(files).to_contain_text("app/lessons/row_lock/before.py")
    await expect(files).to_contain_text("app/lessons/row_lock/after.py")


async def test_each_lesson_shows_its_leak_and_its_fix_at_first(
    browser: Browser, lab: RunningLab
) -> None:
    async with open_page(browser, lab) as page:
        for lesson in LESSONS:
            path = f"/lessons/{lesson.name}"
            await page.request.get(lab.page + path)
            await expect(page).to_have_url(lab.page + path)
            for kind in ("leak", "fix"):
                mark = page.locator(f".lesson-panel .diff .{kind}").first
                await expect(mark).to_be_in_viewport()


async def test_a_rate_above_the_limit_is_marked(page: Page) -> None:
    await page.get_by_label("Requests/s").fill("500")

    await expect(page.get_by_text("at most 200")).to_be_visible()


async def test_a_flag_that_is_set_elsewhere_shows(
    page: Page, lab: RunningLab
) -> None:
    lab.ask("PUT", "/lab/flags/stream", variant="before")

    await page.get_by_role("button", name="All flags").click()
    stream = page.get_by_role("group", name="stream")
    before = stream.get_by_role("button", name="before")
    await expect(before).to_have_attribute("aria-pressed", "true")
    await stream.get_by_role("button", name="after").click()

    await expect(page.locator(".message")).to_contain_text("after handles")
    await expect(before).to_have_attribute("aria-pressed", "false")
    flags = lab.ask("GET", "/lab/flags").json()
    assert flags["stream"]["defaultVariant"] == "after"


async def leak(page: Page) -> None:
    """Leak until the pool is empty, without a collector that heals."""
    await switch_collector_off(page)
    await choose(page, "before")
    await page.get_by_role("button", name="Start load").click()
    await expect(page.locator(".lent").first).to_have_text(
        "6 of 6 checked out"
    )
    await expect(page.locator(".site.leaked").first).to_be_visible()


async def switch_collector_off(page: Page) -> None:
    """Else it returns some of the leaks."""
    await page.get_by_role("switch", name="Garbage collector").click()
    await expect(page.locator(".message")).to_contain_text("collector is off")


async def choose(page: Page, variant: str) -> None:
    """Have this variant handle the lesson's routes."""
    flag = page.get_by_role("group", name="Variant of the lesson")
    await flag.get_by_role("button", name=variant).click()
    await expect(page.locator(".message")).to_contain_text(
        f"{variant} handles"
    )
