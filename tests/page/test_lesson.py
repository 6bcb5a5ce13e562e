"""A lesson from end to end, as a room sees it."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.page.lab import Lab

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_leak_fills_the_pool_and_a_reset_brings_it_back_to_zero(
    page: Page, lab: Lab
) -> None:
    lent = page.get_by_role("region", name="Pool engine").locator(".lent")
    said = page.locator(".said")
    await switch_collector_off(page)

    await choose(page, "before")
    await page.get_by_role("button", name="Start load").click()
    await expect(lent).to_have_text("6 of 6 lent")

    picture = page.get_by_role("img", name="Pool engine: 6 of 6 lent")
    await expect(picture).to_be_visible()
    site = page.locator(".sites.leaked .site").first
    await expect(site).to_contain_text("orders/before.py:")
    await site.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("ol")).to_contain_text("app/orders/before.py:")
    await expect(dialog.locator("tbody tr").first).to_contain_text(
        re.compile("leaked.*idle in transaction.*(SELECT|INSERT)")
    )
    await dialog.get_by_role("button", name="Close").click()
    await expect(dialog).to_be_hidden()
    leaked = [loan.pid for loan in lab.loans().loans if loan.pid]
    assert len(leaked) == 6

    await choose(page, "after")
    await page.get_by_role("button", name="Stop load").click()
    await page.get_by_role("button", name="Reset").click()
    await expect(said).to_contain_text(
        re.compile(r"Reset: freed [1-9]\d* loans")
    )
    await expect(said).to_contain_text(
        re.compile(r"the server ended [1-9]\d* back")
    )

    await expect(lent).to_have_text("0 of 6 lent")
    await expect(page.locator(".sites.leaked")).to_contain_text(
        "Nothing is leaked"
    )
    await expect(page.locator(".since")).to_have_text("in all 0 · 0 · 0")
    assert lab.loans().loans == []


async def test_each_control_says_what_it_did(page: Page) -> None:
    said = page.locator(".said")
    await switch_collector_off(page)
    await choose(page, "before")
    await page.get_by_role("button", name="Start load").click()
    await expect(page.locator(".sites.leaked .site").first).to_be_visible()
    await page.get_by_role("button", name="Stop load").click()
    await expect(said).to_have_text("The load is off.")
    await choose(page, "after")

    await page.get_by_role("button", name="Collect now").click()
    await expect(said).to_contain_text(
        re.compile(r"brought back [1-9]\d* loan")
    )
    await page.get_by_role("button", name="Take back leaks").click()
    await expect(said).to_have_text(
        re.compile(r"Took back \d+ leaked loans?\.")
    )
    await page.get_by_role("switch", name="Provider").click()
    await expect(said).to_contain_text("The provider is silent")
    await page.get_by_role("button", name="Reset").click()
    await expect(said).to_contain_text("Reset: freed")
    await expect(page.get_by_role("switch", name="Provider")).to_be_checked()
    await expect(page.get_by_role("switch", name="Collector")).to_be_checked()


async def test_the_two_files_of_the_chosen_lesson_are_shown(
    page: Page,
) -> None:
    await choose_lesson(page, "row_lock")

    panel = page.get_by_label("Changes between before and after")
    await expect(panel.locator(".leak")).to_contain_text(
        "LEAK" + "row_lock-1:"
    )
    await expect(panel.locator(".fix")).to_contain_text("FIX" + "row_lock-1:")
    await page.get_by_role("button", name="Side by side").click()
    files = page.get_by_role("dialog")
    await expect(files).to_contain_text("app/lessons/row_lock/before.py")
    await expect(files).to_contain_text("app/lessons/row_lock/after.py")
    await page.keyboard.press("Escape")
    await expect(files).to_be_hidden()
    await choose_lesson(page, "orders")


async def test_a_flag_that_is_set_elsewhere_shows(
    page: Page, lab: Lab
) -> None:
    lab.ask("PUT", "/lab/flags/stream", variant="before")

    await page.get_by_role("button", name="All flags").click()
    stream = page.get_by_role("group", name="stream")
    before = stream.get_by_role("button", name="before")
    await expect(before).to_have_attribute("aria-pressed", "true")
    await stream.get_by_role("button", name="after").click()

    await expect(before).to_have_attribute("aria-pressed", "false")
    flags = lab.ask("GET", "/lab/flags").json()
    assert flags["stream"]["defaultVariant"] == "after"


async def switch_collector_off(page: Page) -> None:
    """Else it gives some of the leaks back."""
    await page.get_by_role("switch", name="Collector").click()
    await expect(page.locator(".said")).to_contain_text("The collector is off")


async def choose(page: Page, variant: str) -> None:
    """Have this variant answer the lesson's routes."""
    flag = page.get_by_role("group", name="Who answers")
    await flag.get_by_role("button", name=variant).click()
    await expect(page.locator(".said")).to_contain_text(f"{variant} answers.")


async def choose_lesson(page: Page, name: str) -> None:
    """Turn to a lesson."""
    await page.get_by_role("combobox", name="Lesson").click()
    await page.get_by_role("option", name=f". {name}").click()
    await expect(page.locator(".diff th").first).to_contain_text(
        f"/{name}/before"
    )
