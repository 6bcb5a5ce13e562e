"""What ECharts draws: a pool, the requests, and a single figure.

Colours are Okabe's and Ito's (https://jfly.uni-koeln.de/color/), which
colour-blind people tell apart. Areas also have a pattern and lines a dash.
Text has the page's own colour: `currentColor`, which SVG understands, serves
the dark theme and the light one.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any

from nicegui import ui

from lab.page.history import SECONDS, SNAPSHOTS, History, Snapshot

Options = dict[str, Any]

BLUE = "#0072B2"
SKY = "#56B4E9"
ORANGE = "#E69F00"
VERMILLION = "#D55E00"
PLAIN: Options = {"symbol": "none"}
STRIPES: Options = {
    "symbol": "rect",
    "color": "rgba(0, 0, 0, 0.4)",
    "dashArrayX": [1, 0],
    "dashArrayY": [3, 5],
}
DOTS: Options = {
    "symbol": "circle",
    "symbolSize": 0.6,
    "color": "rgba(255, 255, 255, 0.55)",
    "dashArrayX": [[6, 6], [0, 6, 6, 0]],
    "dashArrayY": [5, 0],
}
AREAS = (
    ("leaked", VERMILLION, {**STRIPES, "rotation": 0.785}),
    ("in use", BLUE, PLAIN),
    ("idle", SKY, DOTS),
    ("waiting", ORANGE, STRIPES),
)
LINES = (
    ("succeeded", BLUE, "solid"),
    ("failed", VERMILLION, "dashed"),
    ("timeouts", "currentColor", "dotted"),
)
FRAME: Options = {
    "animation": False,
    "textStyle": {"fontFamily": "Roboto, sans-serif"},
}
FONT = {"color": "currentColor", "fontSize": 12}
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
    aria = {"enabled": True, "label": {"description": words}}
    made.options.update(options, aria=aria | options.get("aria", {}))
    made.props["aria-label"] = words
    made.update()


def pool_options(history: History, name: str) -> Options:
    """Stack a pool's connections up to its limit; waiting requests below.

    They have an axis of their own: 120 waiting would hide 30 connections.
    """
    rows = [_pool_row(snapshot, name) for snapshot in history.snapshots]
    limit = max((row[5] or 0 for row in rows), default=0) or LEAST
    waiting = max((row[4] or 0 for row in rows), default=0)
    stacked = {"stack": "connections"}
    below = {"xAxisIndex": 1, "yAxisIndex": 1}
    series = [
        {
            **_series(column, area, colour),
            **(below if area == "waiting" else stacked),
            "step": "end",
            "areaStyle": {"opacity": 0.9},
            "lineStyle": {"width": 0},
        }
        for column, (area, colour, _) in enumerate(AREAS, start=1)
    ]
    dashed = {
        **_series(5, "limit", "currentColor"),
        "lineStyle": {"type": "dashed", "width": 2},
        "markLine": _marks(history),
    }
    decals = [decal for *_, decal in AREAS] + [PLAIN]
    time_axis = _time_axis(history)
    return {
        **FRAME,
        "aria": {"decal": {"show": True, "decals": decals}},
        "dataset": {"source": rows},
        "grid": [
            {"left": 34, "right": 8, "top": 16, "bottom": 50},
            {"left": 34, "right": 8, "height": 20, "bottom": 20},
        ],
        "xAxis": [
            {**time_axis, "axisLabel": {"show": False}},
            {**time_axis, "gridIndex": 1},
        ],
        "yAxis": [
            _value_axis(limit, 2),
            {**_value_axis(_round_up(waiting), 1), "gridIndex": 1},
        ],
        "series": [*series, dashed],
    }


def rates_options(history: History, least: float) -> Options:
    """Draw what became of the requests, each second, without spikes."""
    rows = [_rates_row(snapshot) for snapshot in history.snapshots]
    highest = [max(value or 0 for value in row[1:]) for row in rows]
    usual = sorted(highest)[:-SPIKES] or [0]
    top = _round_up(max(least, 1.5 * usual[-1]))
    peak = max(highest, default=0)
    series = [
        {
            **_series(column, line, colour),
            "lineStyle": {"type": dash, "width": 2.5, "color": colour},
        }
        for column, (line, colour, dash) in enumerate(LINES, start=1)
    ]
    if peak > top:
        series[0]["markPoint"] = {
            "symbol": "triangle",
            "symbolSize": 6,
            "label": {**FONT, "position": "top", "formatter": f"{peak:.0f}"},
            "data": [{"coord": [rows[highest.index(peak)][0], top]}],
        }
    return {
        **FRAME,
        "dataset": {"source": rows},
        "grid": {"left": 34, "right": 8, "top": 18, "bottom": 20},
        "xAxis": _time_axis(history),
        "yAxis": _value_axis(top, 2),
        "series": series,
    }


def figure_options(values: Sequence[float | None], least: float) -> Options:
    """Draw one figure as a line without axes."""
    top = max([least, *(value for value in values if value is not None)])
    first = SNAPSHOTS - len(values)
    hidden = {"show": False, "min": 0}
    return {
        **FRAME,
        "dataset": {"source": list(enumerate(values, first))},
        "grid": {"left": 0, "right": 0, "top": 2, "bottom": 2},
        "xAxis": {**hidden, "type": "value", "max": SNAPSHOTS},
        "yAxis": {**hidden, "type": "value", "max": top},
        "series": [
            {
                **_series(1, "figure", "currentColor"),
                "lineStyle": {"width": 2, "color": "currentColor"},
            }
        ],
    }


def _pool_row(snapshot: Snapshot, name: str) -> list[float | None]:
    at, pool = _milliseconds(snapshot), snapshot.pool(name)
    if pool is None:
        return [at, None, None, None, None, None]
    leaked = snapshot.leaked(name)
    in_use = max(0, pool.lent - leaked)
    return [at, leaked, in_use, pool.idle, pool.waiting, pool.capacity]


def _rates_row(snapshot: Snapshot) -> list[float | None]:
    rates = (snapshot.answered, snapshot.failed, snapshot.timeouts)
    is_down = snapshot.service == "down"
    return [
        _milliseconds(snapshot),
        *(None if is_down else round(each, 1) for each in rates),
    ]


def _round_up(value: float) -> int:
    return max(1, ceil(value / LEAST)) * LEAST


def _milliseconds(snapshot: Snapshot) -> int:
    return round(snapshot.reading.at * 1000)


def _series(column: int, name: str, colour: str) -> Options:
    return {
        "name": name,
        "type": "line",
        "encode": {"x": 0, "y": column},
        "symbol": "none",
        "silent": True,
        "itemStyle": {"color": colour},
    }


def _time_axis(history: History) -> Options:
    end = _milliseconds(history.now) if history.now else 0
    return {
        "type": "time",
        "min": end - SNAPSHOTS * SECONDS * 1000,
        "max": end,
        "splitNumber": 3,
        "axisLabel": {**FONT, "formatter": "{HH}:{mm}", "hideOverlap": 1},
        "axisLine": {"lineStyle": {"color": "currentColor"}},
        "axisTick": {"show": False},
        "splitLine": {"show": False},
    }


def _value_axis(top: float, parts: int) -> Options:
    return {
        "type": "value",
        "min": 0,
        "max": top,
        "interval": top / parts,
        "axisLabel": {**FONT, ":formatter": "value => Math.round(value)"},
        "splitLine": {"lineStyle": {"color": "currentColor", "opacity": 0.15}},
    }


def _marks(history: History) -> Options:
    """A line for each action in the chart; the newest one has words."""
    if history.now is None:
        return {"data": []}
    end = history.now.reading.at
    begin = end - SNAPSHOTS * SECONDS
    shown = [(at, words) for at, words in history.marks if at >= begin]
    return {
        "symbol": "none",
        "silent": True,
        "lineStyle": {"color": "currentColor", "type": "solid", "width": 1},
        "data": [
            {
                "xAxis": min(at, end) * 1000,
                "label": {
                    **FONT,
                    "show": at == shown[-1][0],
                    "formatter": words,
                    "position": "end",
                    "align": "right" if 2 * at > begin + end else "left",
                },
            }
            for at, words in shown
        ],
    }
