"""Debian's Chromium, driven by Playwright, and what must not happen in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, WebSocket, expect

from tests.page.lab import TOKEN, RunningLab
from tests.programs import program

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
"""A bound for each wait, long enough for a busy machine."""

expect.set_options(timeout=SECONDS * 1000)

Scheme = Literal["light", "dark"]


def executable() -> str:
    """Find Chromium; the one without windows is the quickest."""
    shell = "chromium-headless-shell"
    return program(shell, shell, "chromium", "google-chrome")


@asynccontextmanager
async def open_page(
    browser: Browser,
    lab: RunningLab,
    path: str = "/",
    width: int = 1280,
    height: int = 720,
    scheme: Scheme = "light",
    level: str = "good",
) -> AsyncIterator[Page]:
    """Open the page; in the end no error, other host or token was seen."""
    errors: list[str] = []
    hosts: set[str] = set()

    def receive(frame: bytes | str) -> None:
        text = frame if isinstance(frame, str) else frame.decode("latin-1")
        if TOKEN in text:
            errors.append(f"the token is in {text}")

    def connect(socket: WebSocket) -> None:
        hosts.add(urlsplit(socket.url).netloc)
        socket.on("framereceived", receive)

    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme
    )
    page = await context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    page.on(
        "console",
        lambda message: (
            errors.append(message.text)
            if message.type in {"error", "warning"}
            else None
        ),
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda r: hosts.add(urlsplit(r.url).netloc))
    page.on("websocket", connect)
    try:
        await page.goto(lab.page + path)
        # NiceGUI drops clicks that come before this.
        await page.wait_for_function("window.did_handshake")
        await expect(page.locator(f".headline.{level}")).to_be_visible()
        yield page
        assert TOKEN not in await page.content()
    finally:
        await context.close()
    assert errors == []
    assert hosts - {""} == {urlsplit(lab.page).netloc}
