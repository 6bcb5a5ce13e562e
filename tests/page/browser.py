"""Debian's Chromium, driven by Playwright, and what must not happen in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Page,
    WebSocket,
    expect,
)

from tests.page.lab import TOKEN, Lab

FLAGS = [
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS = 30
"""How long what must come about may take, however busy the machine is."""

expect.set_options(timeout=SECONDS * 1000)

Scheme = Literal["light", "dark"]


@dataclass
class Seen:
    """What one browser has seen and done, to be held against the rules."""

    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    tokens: list[str] = field(default_factory=list)
    """Frames that had the lab's token in them."""

    def hears(self, message: ConsoleMessage) -> None:
        """Note what the page complains of."""
        if message.type in {"error", "warning"}:
            self.errors.append(message.text)

    def opens(self, socket: WebSocket) -> None:
        """Note where a WebSocket leads, and what comes over it."""
        self.hosts.add(urlsplit(socket.url).netloc)
        socket.on("framereceived", self._receives)

    def _receives(self, frame: bytes | str) -> None:
        text = frame if isinstance(frame, str) else frame.decode("latin-1")
        if TOKEN in text:
            self.tokens.append(text)


@asynccontextmanager
async def looking_at(
    browser: Browser,
    lab: Lab,
    width: int = 1280,
    height: int = 720,
    scheme: Scheme = "light",
) -> AsyncIterator[Page]:
    """Open the page, and see in the end that nothing went wrong in it."""
    seen = Seen()
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme
    )
    page = await context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    page.on("console", seen.hears)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda r: seen.hosts.add(urlsplit(r.url).netloc))
    page.on("websocket", seen.opens)
    try:
        await page.goto(lab.page)
        await expect(page.locator(".presence")).to_contain_text("answers")
        yield page
        assert TOKEN not in await page.content()
    finally:
        await context.close()
    assert seen.errors == []
    assert seen.hosts - {""} == {urlsplit(lab.page).netloc}
    assert seen.tokens == []
