"""Whether the service is there, in words, and what to do where it is not."""

import time
from html import escape

from nicegui import ui

from lab.page.stage import Stage
from lab.page.words import duration

AWAY = (
    "<b>The service is away</b>, for {ago}. <code>make lab</code> starts it"
    " again by itself; if it stays away, look into the terminal, where the"
    " reason is. This page goes on, and shows the service when it is back."
)
BLOCKED = (
    "<b>The service hangs</b>: for {lag} its event loop has come to no call,"
    " so it answers nobody. What is shown here comes from poolwatch's own"
    " thread. It goes on when whoever blocks it gives up waiting."
)


class Presence:
    """A word beside the title, and a banner where that is not enough."""

    def __init__(self, stage: Stage) -> None:
        """Make the word here; the banner is placed by `banner`."""
        self._stage = stage
        self._word = ui.html(tag="p", sanitize=False).classes("presence")
        self._word.props('role="status"')

    def banner(self) -> None:
        """Place the banner here."""
        self._banner = ui.html(sanitize=False).classes("banner")
        self._banner.props('role="alert"')
        self._banner.visible = False

    def update(self) -> None:
        """Show the newest moment."""
        now = self._stage.history.now
        presence = now.presence if now else None
        words = {
            None: "reading …",
            "answers": "✓ the service answers",
            "blocked": "■ the service hangs",
            "away": "✕ the service is away",
        }[presence]
        self._word.content = f'<span class="{presence}">{escape(words)}</span>'
        self._banner.visible = presence in {"away", "blocked"}
        if now and presence == "blocked":
            lag = duration(now.reading.loop_lag)
            self._banner.content = BLOCKED.format(lag=lag)
        elif presence == "away":
            since = self._stage.away_since or time.time()
            ago = duration(time.time() - since)
            self._banner.content = AWAY.format(ago=ago)
