"""Write the dashboard as JSON for Grafana: `make dashboard`.

A service is a Prometheus job whose name begins with `order-service`. Grafana
repeats each row for each service, so that *before* is shown above *after*.
"""

import json
from itertools import count
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from ops.grafana.panels import PROMETHEUS, PURPLE
from ops.grafana.pool_panels import LEAKS, OVERVIEW, WAITS
from ops.grafana.service_panels import ALERTS, PROCESS, SERVER

FILE = Path("ops/grafana/dashboards/order-service.json")

ROWS = (
    ("$service", OVERVIEW),
    ("Alerts", ALERTS),
    ("$service: leaks", LEAKS),
    ("$service: waits", WAITS),
    ("$service: server", SERVER),
    ("$service: process", PROCESS),
)
"""Grafana repeats a row whose title contains `$service`."""


def written() -> str:
    """Return the dashboard as JSON."""
    board = (
        dashboard.Dashboard("Order service: connection-pool leaks")
        .uid("order-service")
        .readonly()
        .refresh("5s")
        .time("now-15m", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(SERVICE)
        .annotation(FLAG_CHANGES)
        .link(_link("Alerts", "http://127.0.0.1:9090/alerts"))
        .link(_link("Load", "http://127.0.0.1:8089"))
    )
    numbers = count(1)
    for title, panels in ROWS:
        row = dashboard.Row(title).id(next(numbers))
        board.with_row(row.repeat("service") if "$" in title else row)
        for panel in panels:
            board.with_panel(panel.id(next(numbers)))
    return json.dumps(board.build(), cls=JSONEncoder, indent=2) + "\n"


SERVICE = (
    dashboard.QueryVariable("service")
    .label("service")
    .datasource(PROMETHEUS)
    .query('label_values(up{job=~"order-service.*"}, job)')
    .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    .sort(VariableSort.ALPHABETICAL_DESC)  # before above after
    .multi(multi=True)
    .include_all(include_all=True)
    .current(VariableOption(text=["All"], value=["$__all"]))
)

# The query reports a change for three scrapes, so that no step misses it.
# Grafana draws one mark for consecutive points.
FLAG_CHANGES = (
    dashboard.AnnotationQuery()
    .name("Flag changes")
    .datasource(PROMETHEUS)
    .enable(enable=True)
    .icon_color(PURPLE)
    .expr(
        "max by (job, lesson, variant)"
        ' (changes(lab_flag{job=~"$service"}[15s]) > 0)'
        " and max by (job, lesson, variant)"
        ' (lab_flag{job=~"$service"}) == 1'
    )
    .step("5s")
    .title_format("{{lesson}}: {{variant}}")
    .text_format("{{job}}")
)


def _link(title: str, url: str) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink(title)
        .type(DashboardLinkType.LINK)
        .icon("external link")
        .url(url)
        .target_blank(target_blank=True)
    )


if __name__ == "__main__":
    FILE.write_text(written())
