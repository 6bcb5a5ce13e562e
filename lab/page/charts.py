"""What ECharts draws: a pool, the requests, and a single figure.

`charts.json` has the options, and this module adds the data. Colours are
Okabe's and Ito's (https://jfly.uni-koeln.de/color/), which colour-blind people
tell apart; areas also have a pattern and lines a dash. Text has the page's own
colour: `currentColor`, which SVG understands, serves both themes.
"""

import json
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from nicegui import ui

from lab.page.history import POINTS, SECONDS, DataPoint, History

Options = dict[str, Any]
Values = list[float | None]

TEMPLATES = Path(__file__).with_suffix(".json").read_text()
LEAST = 10
"""The smallest end of an axis, so that noise looks small."""
SPIKES = 5
"""Seconds whose rates may leave the chart. A reset ends at once all that has
waited; drawn to scale, that second would flatten all others."""


def chart(look: str) -> ui.echart:
    """Make a chart, which a screen reader takes for a picture with words."""
    made = ui.echart({"series": []}, renderer="svg").classes(look)
    return made.props('role="img"')


def draw(made: ui.echart, options: Options, words: str) -> None:
    """Draw the options, and describe them; ECharts would say less."""
    options["aria"]["label"] = {"description": words}
    made.options.update(options)
    made.props["aria-label"] = words
    made.update()


def pool_options(history: History, name: str) -> Options:
    """Stack a pool's connections up to its limit; waiting requests below.

    They have an axis of their own: 120 waiting would hide 30 connections.
    """

    def values(point: DataPoint) -> Sequence[float | None]:
        pool = point.pool(name)
        if pool is None:
            return [None] * 5
        leaked = point.leaked(name)
        in_use = max(0, pool.lent - leaked)
        return leaked, in_use, pool.idle, pool.waiting, pool.capacity

    rows = _rows(history, values)
    limit = max((row[5] or 0 for row in rows), default=0) or LEAST
    waiting = _round_up(max((row[4] or 0 for row in rows), default=0))
    options = _options("pool", rows, (limit, 2), (waiting, 1))
    options["series"][-1]["markLine"]["data"] = _marks(history)
    return options


def rates_options(history: History, least: float) -> Options:
    """Draw what became of the requests, each second, without spikes."""

    def values(point: DataPoint) -> Sequence[float | None]:
        if point.service == "down":
            return [None] * 3
        rates = (point.answered, point.failed, point.timeouts)
        return [round(rate, 1) for rate in rates]

    rows = _rows(history, values)
    highest = [max(value or 0 for value in row[1:]) for row in rows]
    usual = sorted(highest)[:-SPIKES] or [0]
    top = _round_up(max(least, 1.5 * usual[-1]))
    options = _options("rates", rows, (top, 2))
    peak = max(highest, default=0)
    options["series"][0]["markPoint"]["data"] = [
        {"coord": [row[0], top], "value": round(peak)}
        for row, value in zip(rows, highest, strict=True)
        if value == peak > top
    ][:1]
    return options


def figure_options(
    history: History, value: Callable[[DataPoint], float | None], least: float
) -> Options:
    """Draw one figure as a line without axes."""

    def values(point: DataPoint) -> Sequence[float | None]:
        return [None if point.service == "down" else value(point)]

    rows = _rows(history, values)
    return _options(
        "figure", rows, (max([least, *(r[1] or 0 for r in rows)]), 1)
    )


def _rows(
    history: History, values: Callable[[DataPoint], Sequence[float | None]]
) -> list[Values]:
    return [
        [round(each.reading.at * 1000), *values(each)]
        for each in history.points
    ]


def _options(
    template: str, rows: list[Values], *scales: tuple[float, int]
) -> Options:
    """Fill a template in: each vertical axis has an end and some parts."""
    options: Options = json.loads(TEMPLATES)[template]
    end = (rows[-1][0] if rows else 0) or 0
    for axis in options["xAxis"]:
        axis |= {"min": end - POINTS * SECONDS * 1000, "max": end}
    for axis, (top, parts) in zip(options["yAxis"], scales, strict=True):
        axis |= {"max": top, "interval": top / parts}
    options["dataset"] = {"source": rows}
    return options


def _round_up(value: float) -> int:
    return max(1, ceil(value / LEAST)) * LEAST


def _marks(history: History) -> list[Options]:
    """A line for each action in the chart; the newest one has words."""
    if history.now is None:
        return []
    end = history.now.reading.at
    begin = end - POINTS * SECONDS
    shown = [(at, words) for at, words in history.marks if at >= begin]
    return [
        {
            "xAxis": min(at, end) * 1000,
            "label": {
                "show": at == shown[-1][0],
                "formatter": words,
                "align": "right" if 2 * at > begin + end else "left",
            },
        }
        for at, words in shown
    ]
