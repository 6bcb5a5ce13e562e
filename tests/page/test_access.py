"""By keyboard, on a phone, in the dark, and for those who see less."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.page.browser import Scheme, open_page
from tests.page.lab import RunningLab
from tests.page.test_lesson import leak, switch_collector_off

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOCUS = """() => [
  document.activeElement.textContent,
  parseFloat(getComputedStyle(document.activeElement).outlineWidth)]"""
CUT = """() => [...document.querySelectorAll(".site > *")]
  .filter(e => e.scrollWidth > e.clientWidth && e.clientWidth > 0)
  .map(e => e.textContent)"""
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
    page: Page, lab: RunningLab
) -> None:
    await switch_collector_off(page)
    await page.locator("body").focus()
    await tab_to(page, "before")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message")).to_contain_text("before handles")
    await tab_to(page, "Start load")
    await page.keyboard.press("Enter")
    await expect(page.locator(".site.leaked").first).to_be_visible()
    await tab_to(page, r"\d+ leaked orders/before\.py:.*")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("ol")).to_contain_text("app/orders/before.py:")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await tab_to(page, "after")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message")).to_contain_text("after handles")
    await tab_to(page, "Stop load")
    await page.keyboard.press("Enter")
    await tab_to(page, "Reset all")
    await page.keyboard.press("Enter")

    await expect(page.locator(".message")).to_contain_text("Reset: freed")
    assert lab.loans().loans == []


async def tab_to(page: Page, words: str) -> None:
    """Press Tab until a control of this name has a visible focus."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        focused, outline = await page.evaluate(FOCUS)
        if re.fullmatch(words, focused.strip()):
            assert outline >= 2
            return
    pytest.fail(f"the keyboard does not reach {words}")


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

    assert {
        "Controls",
        "Requests per second",
        "Checked-out connections, by line",
    } <= {*parts}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_in_the_light_and_in_the_dark(
    browser: Browser, lab: RunningLab, scheme: Scheme
) -> None:
    async with open_page(browser, lab, scheme=scheme) as page:
        await expect(page.locator("body")).to_have_class(
            re.compile(f"body--{scheme}")
        )
        found = await page.evaluate(CONTRASTS)

    assert len(found) > 60
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []


async def test_the_theme_can_be_chosen(page: Page) -> None:
    body = expect(page.locator("body"))

    for theme in ("dark", "light"):
        await page.get_by_role("combobox", name="Theme").click()
        await page.get_by_role("option", name=theme).click()
        await body.to_have_class(re.compile(f"body--{theme}"))


async def test_a_switch_explains_itself(page: Page) -> None:
    await page.get_by_role("switch", name="Garbage collector").hover()

    await expect(page.get_by_role("tooltip")).to_contain_text(
        "returns some leaked connections, at an unpredictable time"
    )


async def test_no_name_of_a_line_is_cut(page: Page) -> None:
    await leak(page)
    await expect(
        page.locator(".site", has_text="list_orders_alt")
    ).to_be_visible()

    assert await page.evaluate(CUT) == []


async def test_a_phone_shows_a_line_and_its_connections_in_one_view(
    browser: Browser, lab: RunningLab
) -> None:
    lab.ask("PUT", "/lab/gc", enabled=False)
    for _ in range(3):
        lab.get("/before/orders/1")
    async with open_page(browser, lab, "/", 390, 844, level="warning") as page:
        await page.locator(".site.leaked").click()
        dialog = page.get_by_role("dialog")
        for part in (".diff .here", ".group", "ol li"):
            await expect(dialog.locator(part).first).to_be_in_viewport()
        await expect(dialog.locator(".group b").first).to_have_text("3 ×")


@pytest.mark.parametrize("width", [390, 1280])
async def test_nothing_is_wider_than_the_screen(
    browser: Browser, lab: RunningLab, width: int
) -> None:
    async with open_page(browser, lab, width=width) as page:
        await expect(page.locator(".diff .leak").first).to_be_attached()
        assert (
            await page.evaluate("document.documentElement.scrollWidth")
            <= width
        )


async def test_a_projector_shows_the_essentials_without_scrolling(
    page: Page,
) -> None:
    assert await page.evaluate("document.documentElement.scrollHeight") <= 720
    for part in (".headline", ".watch", ".pool", ".rates", ".sites", ".strip"):
        await expect(page.locator(part).first).to_be_in_viewport()
