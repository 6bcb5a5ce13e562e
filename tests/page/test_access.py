"""By keyboard, on a phone, in the dark, and for those who see less."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.page.browser import Scheme, looking_at
from tests.page.lab import Lab
from tests.page.test_lesson import switch_collector_off

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMED = "button, input, select, textarea, a, [role=switch], [tabindex='0']"
CONTRASTS = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const background = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter(e => e.checkVisibility() && !e.closest("svg, .disabled"))
    .filter(e => [...e.childNodes].some(
      n => n.nodeType === Node.TEXT_NODE && n.data.trim()))
    .map(e => {
      const [a, b] = [rgb(getComputedStyle(e).color), background(e)]
        .map(luminance).sort((x, y) => y - x);
      return [e.textContent.trim(), (a + 0.05) / (b + 0.05)];
    });
}"""


async def test_a_leak_can_be_made_and_cured_with_the_keyboard_alone(
    page: Page, lab: Lab
) -> None:
    await switch_collector_off(page)
    await page.locator("body").focus()
    await tab_to(page, "before")
    await page.keyboard.press("Enter")
    await expect(page.locator(".said")).to_contain_text("before answers")
    await tab_to(page, "Start load")
    await page.keyboard.press("Enter")
    await expect(page.locator(".sites.leaked .site").first).to_be_visible()
    await tab_to(page, r"\d+ orders/before\.py:.*")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("ol")).to_contain_text("app/orders/before.py:")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await tab_to(page, "after")
    await page.keyboard.press("Enter")
    await expect(page.locator(".said")).to_contain_text("after answers")
    await tab_to(page, "Stop load")
    await page.keyboard.press("Enter")
    await tab_to(page, "Reset")
    await page.keyboard.press("Enter")

    await expect(page.locator(".said")).to_contain_text("Reset: freed")
    assert lab.loans().loans == []


async def tab_to(page: Page, words: str) -> None:
    """Go on until what has the focus is called so."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        focused = await page.evaluate("document.activeElement.textContent")
        if re.fullmatch(words, focused.strip()):
            return
    pytest.fail(f"the keyboard does not come to {words}")


async def test_what_has_the_focus_is_seen(page: Page) -> None:
    await page.locator("body").focus()
    await tab_to(page, "Start load")

    width = await page.locator(":focus").evaluate(
        "e => parseFloat(getComputedStyle(e).outlineWidth)"
    )
    assert width >= 2


async def test_the_first_tab_skips_to_the_charts(page: Page) -> None:
    await page.locator("body").focus()
    await page.keyboard.press("Tab")

    await expect(page.locator(":focus")).to_have_text("Skip to the charts")
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.tagName") == "MAIN"


async def test_every_control_has_a_name(page: Page) -> None:
    await page.get_by_role("button", name="All flags").click()
    await expect(page.get_by_role("dialog")).to_be_visible()

    controls = await page.locator("body").aria_snapshot()
    kinds = re.compile(
        r"- (button|link|switch|spinbutton|combobox|textbox|region)\b"
    )
    found = [
        line.strip() for line in controls.splitlines() if kinds.search(line)
    ]
    assert len(found) > 40
    assert [line for line in found if '"' not in line] == []


async def test_headings_are_there_for_each_part(page: Page) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    parts = await page.get_by_role("heading", level=2).all_text_contents()

    assert {"Controls", "Requests a second", "Leaked, by line"} <= {*parts}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_in_the_light_and_in_the_dark(
    browser: Browser, lab: Lab, scheme: Scheme
) -> None:
    async with looking_at(browser, lab, scheme=scheme) as page:
        await expect(page.locator("body")).to_have_class(
            re.compile(f"body--{scheme}")
        )
        found = await page.evaluate(CONTRASTS)

    assert len(found) > 60
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []


async def test_the_theme_can_be_chosen(page: Page) -> None:
    body = expect(page.locator("body"))

    await page.get_by_role("button", name="Theme: auto").click()
    await body.to_have_class(re.compile("body--dark"))
    await page.get_by_role("button", name="Theme: dark").click()
    await body.not_to_have_class(re.compile("body--dark"))


@pytest.mark.parametrize("width", [390, 1280])
async def test_nothing_is_wider_than_the_screen(
    browser: Browser, lab: Lab, width: int
) -> None:
    async with looking_at(browser, lab, width=width) as page:
        await expect(page.locator(".diff .leak").first).to_be_attached()
        assert (
            await page.evaluate("document.documentElement.scrollWidth")
            <= width
        )


async def test_a_projector_shows_the_essentials_without_scrolling(
    page: Page,
) -> None:
    assert await page.evaluate("document.documentElement.scrollHeight") <= 720
    for part in (".pool", ".rates", ".figures", ".sites", ".diff .leak"):
        await expect(page.locator(part).first).to_be_in_viewport()
