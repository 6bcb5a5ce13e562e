"""The look of the panels: a colour has the same meaning in all of them.

The colours are Okabe and Ito's, which people with any colour vision can tell
apart (https://jfly.uni-koeln.de/color/).
"""

from string import ascii_uppercase
from typing import NamedTuple

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    DataSourceRef,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    FieldColorModeId,
    ValueMap,
    ValueMappingResult,
)

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus")

VERMILLION, GREEN, YELLOW = "#D55E00", "#009E73", "#F0E442"
SKY, BLUE, ORANGE, PURPLE = "#56B4E9", "#0072B2", "#E69F00", "#CC79A7"
GREY = "#999999"

MEANINGS = {
    "before|idle in transaction": VERMILLION,
    "after": GREEN,
    "waiting|failed|idle in transaction .+": YELLOW,
    "in use|active|open": SKY,
    "idle": BLUE,
    "capacity|allowed": GREY,
    "engine.*": PURPLE,
    "asyncpg.*": ORANGE,
}
"""Names of series, as regular expressions, and their colour."""

DASHED = ".*p50|capacity|allowed"
"""Limits, and the p50 beside its p95."""

HEIGHT = 7
"""Two rows of panels fill a screen of 720 lines."""

STACKED = common.StackingConfig().mode(StackingMode.NORMAL)


class Query(NamedTuple):
    """A PromQL expression, and the legend of its series."""

    expr: str
    legend: str


def graph(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    width: int = 6,
    shade: str = SKY,
) -> timeseries.Panel:
    """Draw lines over time.

    Args:
        title: the title.
        description: what the panel shows, and how a leak looks.
        queries: the queries of Prometheus.
        unit: Grafana's name of the unit.
        width: in columns; a row has 24.
        shade: the colour of series that MEANINGS does not name.

    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .height(HEIGHT)
        .span(width)
        .unit(unit)
        .min(0)
        .line_width(2)
        .fill_opacity(8)
        .color_scheme(
            dashboard.FieldColor()
            .mode(FieldColorModeId.SHADES)
            .fixed_color(shade)
        )
        .legend(common.VizLegendOptions().show_legend(show_legend=True))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    for ref, query in zip(ascii_uppercase, queries, strict=False):
        panel.with_target(
            prometheus.Dataquery()
            .expr(query.expr)
            .legend_format(query.legend)
            .range()
            .ref_id(ref)
        )
    for names, colour in MEANINGS.items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        panel.override_by_regexp(
            f"/^({names})$/", [DynamicConfigValue("color", fixed)]
        )
    dashes = {"fill": "dash", "dash": [8, 6]}
    return panel.override_by_regexp(
        f"/^({DASHED})$/",
        [
            DynamicConfigValue("custom.lineStyle", dashes),
            DynamicConfigValue("custom.fillOpacity", 0),
            DynamicConfigValue("custom.stacking", {"mode": "none"}),
        ],
    )


def timeline(
    title: str, description: str, query: Query
) -> statetimeline.Panel:
    """Draw a bar for each alert while it is pending (1) or fires (2)."""
    states = {
        "1": ValueMappingResult(text="pending", color=YELLOW),
        "2": ValueMappingResult(text="firing", color=VERMILLION),
    }
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .height(HEIGHT)
        .span(24)
        .mappings([ValueMap(states)])
        .no_value("no alert in this period")
        .insert_nulls(20_000)  # a bar ends when its alert ends
        .legend(common.VizLegendOptions().show_legend(show_legend=False))
        .with_target(
            prometheus.Dataquery()
            .expr(query.expr)
            .legend_format(query.legend)
            .range()
            .ref_id("A")
        )
    )
