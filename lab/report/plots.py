"""The report's plots: before and after on the same axes.

Told apart by colour (Okabe and Ito's, which colour-blind people tell apart)
and by the line's style, so that a black-and-white print is as clear. The run
to compare with, where there is one, has the same style, thin and pale.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass
from math import isfinite
from pathlib import Path

import matplotlib.style
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from app.lesson import Variant
from lab.report.record import LeakingLine, Measured, Record
from lab.report.series import SERIES, Series

STYLE = Path(__file__).with_name("plots.mplstyle")
COLOURS: dict[Variant, str] = {"before": "C0", "after": "C1"}
"""The first and the second of whichever palette."""
LINES: dict[Variant, str] = {"before": "-", "after": "--"}
MARKERS: dict[Variant, str] = {"before": "^", "after": "D"}
MOST_LINES = 10


@dataclass(frozen=True, slots=True)
class Palette:
    """What is drawn in which colour."""

    ink: str
    grid: str
    before: str
    after: str


PAPER = Palette("#1a1a1a", "#d9d9d9", "#d55e00", "#0072b2")
PAGE = Palette("#010101", "#020202", "#030303", "#040404")
"""Nobody sees these: the page's CSS has its own, by day and by night."""
PAGE_CSS = Palette(
    "currentColor", "var(--grid)", "var(--line-before)", "var(--line-after)"
)

Draw = Callable[[Axes], None]


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot, for the page and for the folder."""

    name: str
    caption: str
    svg: str
    png: bytes


def plots(record: Record, earlier: Record | None) -> Iterator[Plot]:
    """Draw each series, and who leaked."""
    for series in SERIES:
        drawn = _Over(series, record, earlier)
        yield _plot(series.name, series.title, series.caption, drawn)
    before = record.variants.get("before")
    lines = before.lines[:MOST_LINES] if before else []
    yield _plot(
        "leaks",
        "Who leaked, before",
        "Leaks by the line that borrowed; the table has all of them.",
        lambda axes: _draw_lines(axes, lines),
    )


def _plot(name: str, title: str, caption: str, draw: Draw) -> Plot:
    """Draw it twice: for the page, in its colours, and for white paper."""
    page, paper = io.StringIO(), io.BytesIO()
    with _colours(PAGE, name):
        _figure(title, draw).savefig(
            page, format="svg", transparent=True, metadata={"Date": None}
        )
    with _colours(PAPER, name):
        _figure(title, draw).savefig(paper, format="png", facecolor="white")
    svg = _in_page_colours(page.getvalue(), title)
    return Plot(name, caption, svg, paper.getvalue())


def _colours(palette: Palette, name: str) -> AbstractContextManager[None]:
    """Draw in these; the ids in an SVG differ from other plots' ids."""
    inked = ("text.color", "axes.labelcolor", "axes.edgecolor")
    ticks = ("xtick.color", "ytick.color")
    return matplotlib.style.context(
        [
            STYLE,
            dict.fromkeys(inked + ticks, palette.ink),
            {
                "grid.color": palette.grid,
                "axes.prop_cycle": cycler(
                    color=[palette.before, palette.after]
                ),
                "svg.hashsalt": name,
            },
        ]
    )


def _figure(title: str, draw: Draw) -> Figure:
    figure = Figure()
    axes = figure.subplots()
    draw(axes)
    axes.set_title(title)
    if axes.get_legend_handles_labels()[1]:
        figure.legend(loc="outside lower right", ncols=4)
    return figure


def _in_page_colours(svg: str, title: str) -> str:
    """Leave the XML prologue out, and the colours to the page's CSS."""
    svg = svg[svg.index("<svg") :]
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
    for drawn, css in zip(astuple(PAGE), astuple(PAGE_CSS), strict=True):
        svg = svg.replace(drawn, css)
    return svg


@dataclass(frozen=True, slots=True)
class _Over:
    """Draws one series over the time of the load."""

    series: Series
    record: Record
    earlier: Record | None

    def __call__(self, axes: Axes) -> None:
        runs = [run for run in (self.record, self.earlier) if run]
        for run in runs:
            for variant, measured in run.variants.items():
                self._line(axes, variant, measured, run)
        axes.axvline(
            self.record.plan.seconds,
            linewidth=1,
            linestyle=":",
            color=axes.xaxis.label.get_color(),
        )
        axes.set_xlabel("seconds of load; nothing arrives after the dots")
        axes.set_ylabel(self.series.unit)
        ends = [m.seconds for run in runs for m in run.variants.values()]
        axes.set_xlim(0, max(self.record.plan.seconds, *ends))
        # A line at zero is to be seen beside the axis.
        highest = axes.dataLim.ymax
        top = highest if isfinite(highest) and highest > 0 else 1
        axes.set_ylim(-0.04 * top, 1.12 * top)

    def _line(
        self, axes: Axes, variant: Variant, measured: Measured, run: Record
    ) -> None:
        points = self.series.points(measured)
        times = [at for at, _ in points]
        values = [
            float("nan") if value is None else value for _, value in points
        ]
        (line,) = axes.plot(
            times,
            values,
            color=COLOURS[variant],
            linestyle=LINES[variant],
            label=variant,
        )
        if run is self.earlier:
            line.set(linewidth=0.9, alpha=0.6, zorder=1.5)
            line.set_label(f"{variant}, compared")
            return
        if self.series.marks_collections:
            _mark_collections(axes, variant, measured)
        if self.series.limit:
            axes.axhline(
                self.series.limit(measured),
                linewidth=1,
                linestyle=":",
                color=axes.xaxis.label.get_color(),
            )


def _mark_collections(
    axes: Axes, variant: Variant, measured: Measured
) -> None:
    """Mark each sample that has full runs since the one before."""
    ran, before = [], 0
    for sample in measured.samples:
        if sample.full_collections > before:
            ran.append(sample.at)
        before = sample.full_collections
    (marks,) = axes.plot(
        ran,
        [0.03] * len(ran),
        linestyle="none",
        marker=MARKERS[variant],
        markersize=6,
        color=COLOURS[variant],
        transform=axes.get_xaxis_transform(),
        clip_on=False,
    )
    marks.set_in_layout(False)  # where there are none, they have no place


def _draw_lines(axes: Axes, lines: Sequence[LeakingLine]) -> None:
    names = [line.site for line in lines]
    bars = axes.barh(
        names, [line.leaks for line in lines], color=COLOURS["before"]
    )
    axes.tick_params(axis="y", labelsize=8)
    axes.bar_label(bars, padding=4)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("leaked connections")
    axes.margins(x=0.1)
