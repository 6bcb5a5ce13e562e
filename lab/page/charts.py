"""What ECharts is told to draw: a pool over the last minutes, and rates.

Text takes the page's own colour (`currentColor`, which SVG understands), so
that dark and light need no second set of options.
"""

from collections.abc import Callable, Sequence
from typing import Any

from lab.page.history import MOMENTS, History, Moment
from lab.page.palette import (
    ANSWERED,
    AT_WORK,
    FAILED,
    IDLE,
    LEAKED,
    TIMEOUTS,
    WAITING,
    Area,
    Line,
)
from lab.page.stage import SECONDS
from lab.reading import PoolReading, Reading

Options = dict[str, Any]

FAINT = {"color": "currentColor", "opacity": 0.15}
FONT = {"color": "currentColor", "fontSize": 12}


def pool_chart(history: History, name: str) -> Options:
    """A pool's connections, stacked, against what it may lend."""
    parts: list[tuple[Area, Callable[[Reading, PoolReading], int]]] = [
        (LEAKED, lambda reading, pool: leaked(reading, pool.name)),
        (
            AT_WORK,
            lambda reading, pool: pool.lent - leaked(reading, pool.name),
        ),
        (IDLE, lambda _, pool: pool.idle),
        (WAITING, lambda _, pool: pool.waiting),
    ]
    series = [
        {
            "name": area.key,
            "type": "line",
            "step": "end",
            "stack": "connections",
            "symbol": "none",
            "silent": True,
            "lineStyle": {"width": 0},
            "itemStyle": {"color": area.colour},
            "areaStyle": {"opacity": 0.9},
            "data": [
                (at, max(0, value(reading, pool)) if pool else None)
                for at, reading, pool in _of_pool(history, name)
            ],
        }
        for area, value in parts
    ]
    capacity = [
        (at, pool.capacity if pool else None)
        for at, _, pool in _of_pool(history, name)
    ]
    series.append(
        {
            "name": "capacity",
            "type": "line",
            "symbol": "none",
            "silent": True,
            "lineStyle": {
                "type": "dashed",
                "width": 2,
                "color": "currentColor",
            },
            "data": capacity,
            "markLine": _marks(history),
        }
    )
    decals = [area.decal for area, _ in parts] + [{"symbol": "none"}]
    most = max((c for _, c in capacity if c is not None), default=10)
    return _options(
        history, series, _in_words(history.now, name), most, 3, decals
    )


def rates_chart(history: History) -> Options:
    """What became of requests, each second."""
    parts: list[tuple[Line, Callable[[Moment], float]]] = [
        (ANSWERED, lambda moment: moment.answered),
        (FAILED, lambda moment: moment.failed),
        (TIMEOUTS, lambda moment: moment.timeouts),
    ]
    series = [
        {
            "name": line.key,
            "type": "line",
            "symbol": "none",
            "silent": True,
            "itemStyle": {"color": line.colour},
            "lineStyle": {
                "type": line.dash,
                "width": 2.5,
                "color": line.colour,
            },
            "data": [
                (
                    moment.reading.at * 1000,
                    None
                    if moment.presence == "away"
                    else round(value(moment), 1),
                )
                for moment in history.moments
            ],
        }
        for line, value in parts
    ]
    now = history.now
    words = (
        f"Requests a second: {now.answered:.0f} answered, {now.failed:.0f}"
        f" failed, {now.timeouts:.1f} timeouts."
        if now
        else "Requests a second."
    )
    return _options(history, series, words, 10, 2, [])


def leaked(reading: Reading, pool: str) -> int:
    """Loans of a pool that have outlived their requests."""
    return sum(
        line.loans
        for line in reading.lines
        if line.pool == pool and line.state == "leaked"
    )


def pool_of(moment: Moment | None, name: str) -> PoolReading | None:
    """One pool as it was; None while the service is away."""
    if moment is None or moment.presence == "away":
        return None
    named = (pool for pool in moment.reading.pools if pool.name == name)
    return next(named, None)


def _of_pool(
    history: History, name: str
) -> list[tuple[float, Reading, PoolReading | None]]:
    return [
        (moment.reading.at * 1000, moment.reading, pool_of(moment, name))
        for moment in history.moments
    ]


def _in_words(moment: Moment | None, name: str) -> str:
    """What somebody hears who does not see the chart."""
    pool = pool_of(moment, name)
    if moment is None or pool is None:
        return f"Pool {name}: nothing is known now."
    return (
        f"Pool {name}: {pool.lent} of {pool.capacity} lent,"
        f" {leaked(moment.reading, name)} of them leaked;"
        f" {pool.idle} idle, {pool.waiting} waiting."
    )


def _options(
    history: History,
    series: Sequence[Options],
    words: str,
    least: float,
    ticks: int,
    decals: Sequence[Options],
) -> Options:
    now = history.now.reading.at * 1000 if history.now else 0
    return {
        "animation": False,
        "textStyle": {"fontFamily": "Roboto, sans-serif"},
        "aria": {
            "enabled": True,
            "label": {"description": words},
            "decal": {"show": bool(decals), "decals": decals},
        },
        "grid": {"left": 34, "right": 8, "top": 18, "bottom": 20},
        "xAxis": {
            "type": "time",
            "min": now - MOMENTS * SECONDS * 1000,
            "max": now,
            "splitNumber": 3,
            "axisLabel": {**FONT, "formatter": "{HH}:{mm}", "hideOverlap": 1},
            "axisLine": {"lineStyle": {"color": "currentColor"}},
            "axisTick": {"show": False},
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "min": 0,
            # More only where the values ask for it.
            ":max": f"extent => extent.max > {least} ? null : {least}",
            "minInterval": 1,
            "splitNumber": ticks,
            "axisLabel": FONT,
            "splitLine": {"lineStyle": FAINT},
        },
        "series": list(series),
    }


def _marks(history: History) -> Options:
    """A line for each thing that was done; only the newest have words."""
    if not history.moments:
        return {"data": []}
    end = history.moments[-1].reading.at
    middle = end - MOMENTS * SECONDS / 2
    shown = [m for m in history.marks if m.at >= history.moments[0].reading.at]
    return {
        "symbol": "none",
        "silent": True,
        "lineStyle": {"color": "currentColor", "type": "solid", "width": 1},
        "label": {"show": False},
        "data": [
            {
                "xAxis": min(mark.at, end) * 1000,
                "label": {
                    "show": mark is shown[-1],
                    "formatter": mark.words,
                    "position": "end",
                    "align": "right" if mark.at > middle else "left",
                    "color": "currentColor",
                    "fontSize": 12,
                },
            }
            for mark in shown
        ],
    }
