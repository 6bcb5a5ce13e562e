"""What became of requests: each second, and since the last reset."""

from nicegui import ui

from lab.page.charts import rates_chart
from lab.page.palette import ANSWERED, FAILED, TIMEOUTS
from lab.page.pools import chart, draw
from lab.page.stage import Stage
from lab.page.words import rate


class RatesCard:
    """Answered, failed and timed out; lives as long as the browser's page."""

    def __init__(self, stage: Stage) -> None:
        """Lay it out."""
        self._stage = stage
        with ui.element("section").classes("card rates"):
            with ui.element("div").classes("head"):
                ui.html("Requests a second", tag="h2", sanitize=False)
                self._total = ui.label().classes("since")
            self._parts = ui.html(tag="p", sanitize=False)
            self._parts.classes("parts columns")
            self._chart = chart(rates_chart(stage.history))

    def update(self) -> None:
        """Show the newest moment."""
        now, zero = self._stage.history.now, self._stage.history.zero
        if now is None or zero is None:
            return
        self._parts.content = "".join(
            f'<span class="part"><i class="dash {line.key}"></i>'
            f"<b>{rate(number)}</b> <span>{line.key}</span></span>"
            for line, number in (
                (ANSWERED, now.answered),
                (FAILED, now.failed),
                (TIMEOUTS, now.timeouts),
            )
        )
        reading = now.reading
        totals = (
            reading.answered - zero.answered,
            reading.failed - zero.failed,
            reading.timeouts - zero.timeouts,
        )
        self._total.text = "in all " + " · ".join(f"{n:,}" for n in totals)
        draw(self._chart, rates_chart(self._stage.history))
