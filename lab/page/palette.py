"""Colours that a colour-blind person tells apart, each with a second sign.

They are Okabe's and Ito's (https://jfly.uni-koeln.de/color/). Areas have a
pattern as well, and lines a dash, so that no meaning hangs on colour alone.
"""

from dataclasses import dataclass, field
from typing import Any

BLUE = "#0072B2"
SKY = "#56B4E9"
ORANGE = "#E69F00"
VERMILLION = "#D55E00"


@dataclass(frozen=True, slots=True)
class Area:
    """How one part of a pool is drawn; the style sheet knows it by `key`."""

    key: str
    colour: str
    decal: dict[str, Any] = field(default_factory=lambda: {"symbol": "none"})


LEAKED = Area(
    "leaked",
    VERMILLION,
    {
        "symbol": "rect",
        "color": "rgba(0, 0, 0, 0.35)",
        "dashArrayX": [1, 0],
        "dashArrayY": [3, 5],
        "rotation": 0.785,
    },
)
AT_WORK = Area("at-work", BLUE)
IDLE = Area(
    "idle",
    SKY,
    {
        "symbol": "circle",
        "symbolSize": 0.6,
        "color": "rgba(255, 255, 255, 0.55)",
        "dashArrayX": [[6, 6], [0, 6, 6, 0]],
        "dashArrayY": [5, 0],
    },
)
WAITING = Area(
    "waiting",
    ORANGE,
    {
        "symbol": "rect",
        "color": "rgba(0, 0, 0, 0.45)",
        "dashArrayX": [1, 0],
        "dashArrayY": [2, 5],
    },
)


@dataclass(frozen=True, slots=True)
class Line:
    """How one rate is drawn; the style sheet knows it by `key`."""

    key: str
    colour: str
    dash: str


ANSWERED = Line("answered", BLUE, "solid")
FAILED = Line("failed", VERMILLION, "dashed")
TIMEOUTS = Line("timeouts", "currentColor", "dotted")
