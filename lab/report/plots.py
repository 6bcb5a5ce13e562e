"""The report's plots: before and after on the same axes.

Colour (Okabe and Ito's palette, which colour-blind people can tell apart) and
line style differ, so that a black-and-white print is as clear. An earlier run
is drawn thin and pale. Each plot is drawn once; the page replaces its
colours by CSS variables, which differ between light and dark screens.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, nan
from pathlib import Path

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from app.lesson import Variant
from lab.report.demo_run import DemoRun, LeakingLine, VariantResult
from lab.report.series import Series, series

STYLE = Path(__file__).with_name("plots.mplstyle")
INK = "#1a1a1a"
CSS = {
    INK: "currentColor",
    "#d9d9d9": "var(--grid)",
    "#d55e00": "var(--line-before)",
    "#0072b2": "var(--line-after)",
}
"""The colours of `plots.mplstyle`, and what the page has in their place."""
COLOURS: dict[Variant, str] = {"before": "C0", "after": "C1"}
LINES: dict[Variant, str] = {"before": "-", "after": "--"}
MARKERS: dict[Variant, str] = {"before": "^", "after": "D"}
DOTTED = ":"
MOST_LINES = 10

Draw = Callable[[Axes], None]


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot, for the page and for the folder."""

    name: str
    caption: str
    svg: str
    png: bytes


def plots(run: DemoRun, earlier: DemoRun | None) -> Iterator[Plot]:
    """Draw each series, and the lines that leaked."""
    for each in series(run):
        draw = partial(_over_time, each, run, earlier)
        yield _plot(each.name, each.title, each.caption, draw)
    before = run.variants.get("before")
    lines = before.lines[:MOST_LINES] if before else []
    yield _plot(
        "leaks",
        "Leaked connections by line, before",
        "The line that checked the connection out.",
        partial(_leaks_by_line, lines),
    )


def _plot(name: str, title: str, caption: str, draw: Draw) -> Plot:
    svg, png = io.StringIO(), io.BytesIO()
    # The ids in one page's SVGs must differ.
    with matplotlib.style.context([STYLE, {"svg.hashsalt": name}]):
        figure = Figure()
        axes = figure.subplots()
        draw(axes)
        axes.set_title(title)
        if axes.get_legend_handles_labels()[1]:
            figure.legend(loc="outside lower right", ncols=4)
        figure.savefig(png, format="png", facecolor="white")
        figure.savefig(
            svg, format="svg", transparent=True, metadata={"Date": None}
        )
    return Plot(
        name, caption, _for_page(svg.getvalue(), title), png.getvalue()
    )


def _for_page(svg: str, title: str) -> str:
    """Drop the XML prologue, and leave the colours to the page's CSS."""
    svg = svg[svg.index("<svg") :]
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
    for drawn, css in CSS.items():
        svg = svg.replace(drawn, css)
    return svg


def _over_time(
    each: Series, run: DemoRun, earlier: DemoRun | None, axes: Axes
) -> None:
    if earlier:
        for variant, result in earlier.variants.items():
            line = _line(each, variant, result, axes)
            line.set(linewidth=0.9, alpha=0.6, label=f"{variant}, compared")
    for variant, result in run.variants.items():
        _line(each, variant, result, axes).set_label(variant)
        if capacity := each.capacity(result):
            axes.axhline(capacity, linewidth=1, linestyle=DOTTED, color=INK)
            _mark_collections(axes, variant, result)
    axes.axvline(run.plan.seconds, linewidth=1, linestyle=DOTTED, color=INK)
    axes.set_xlabel("seconds of load; nothing arrives after the dotted line")
    axes.set_ylabel(each.unit)
    axes.set_xlim(0, None)
    # A line at zero must be visible beside the axis.
    highest = axes.dataLim.ymax
    top = highest if 0 < highest < inf else 1
    axes.set_ylim(-0.04 * top, 1.12 * top)


def _line(
    each: Series, variant: Variant, result: VariantResult, axes: Axes
) -> matplotlib.lines.Line2D:
    points = each.points(result)
    (line,) = axes.plot(
        [at for at, _ in points],
        [nan if value is None else value for _, value in points],
        color=COLOURS[variant],
        linestyle=LINES[variant],
    )
    return line


def _mark_collections(
    axes: Axes, variant: Variant, result: VariantResult
) -> None:
    """Mark each sample that has full collections since the one before."""
    ran, before = [], 0
    for sample in result.samples:
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
    marks.set_in_layout(False)  # without marks, there is no place for them


def _leaks_by_line(lines: Sequence[LeakingLine], axes: Axes) -> None:
    names = [line.site for line in lines]
    leaks = [line.leaks for line in lines]
    axes.bar_label(axes.barh(names, leaks, color=COLOURS["before"]), padding=4)
    axes.tick_params(axis="y", labelsize=8)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("leaked connections")
    axes.margins(x=0.1)
