"""A pool in large figures, and its last minutes below them."""

from nicegui import ui

from lab.page.charts import Options, leaked, pool_chart, pool_of
from lab.page.palette import AT_WORK, IDLE, LEAKED, WAITING, Area
from lab.page.stage import Stage


class PoolCard:
    """One pool; lives as long as the browser's page."""

    def __init__(self, stage: Stage, name: str, hint: str) -> None:
        """Lay it out."""
        self._stage, self._name = stage, name
        self.element = ui.element("section").classes("card pool")
        self.element.props(f'aria-label="Pool {name}"')
        self.element.mark(f"pool-{name}")
        with self.element:
            with ui.element("div").classes("head"):
                title = f'{name} <span class="hint">({hint})</span>'
                ui.html(title, tag="h2", sanitize=False)
                self._lent = ui.html(tag="p", sanitize=False).classes("lent")
            self._parts = ui.html(tag="p", sanitize=False)
            self._parts.classes("parts columns")
            self._chart = chart(pool_chart(stage.history, name))

    def update(self) -> None:
        """Show the newest moment."""
        moment = self._stage.history.now
        pool = pool_of(moment, self._name)
        if moment is None or pool is None:
            self._lent.content = "<b>?</b>"
            self._parts.content = "not known while the service is away"
        else:
            lost = leaked(moment.reading, self._name)
            full = " full" if pool.lent >= pool.capacity else ""
            self._lent.content = (
                f'<b class="number{full}">{pool.lent}</b>'
                f" of {pool.capacity} lent"
            )
            self._parts.content = "".join(
                _part(area, number, words)
                for area, number, words in (
                    (LEAKED, lost, "leaked"),
                    (AT_WORK, max(0, pool.lent - lost), "at work"),
                    (IDLE, pool.idle, "idle"),
                    (WAITING, pool.waiting, "waiting"),
                )
            )
        draw(self._chart, pool_chart(self._stage.history, self._name))


def chart(options: Options) -> ui.echart:
    """Make a chart that a screen reader takes for a picture with words."""
    made = ui.echart(options, renderer="svg").classes("chart")
    draw(made, options)
    return made.props('role="img"')


def draw(made: ui.echart, options: Options) -> None:
    """Draw it anew."""
    made.options.update(options)
    made.props["aria-label"] = options["aria"]["label"]["description"]
    made.update()


def _part(area: Area, number: int, words: str) -> str:
    return (
        f'<span class="part"><i class="swatch {area.key}"></i>'
        f"<b>{number}</b> <span>{words}</span></span>"
    )
