"""Panels about the pools: connections in use, leaks and waits.

Grafana repeats each row for each service, and replaces `$service`.
"""

from grafana_foundation_sdk.builders import timeseries

from ops.grafana.panels import STACKED, VERMILLION, Query, graph

POOL = "db_client_connection_pool_name"
"""OpenTelemetry's name of the label."""

OTHERS = "none|/docs|/healthz|/readyz|/metrics|/lab/.*|/poolwatch/.*"
"""Handlers outside the lessons; `none` counts paths without a route."""


def pool(name: str) -> timeseries.Panel:
    """Draw the connections of one pool, and its capacity."""
    of = f'job=~"$service", {POOL}="{name}"'
    used, idle = (
        f'{of}, db_client_connection_state="{state}"'
        for state in ("used", "idle")
    )
    return graph(
        f"Pool {name}",
        "Connections `in use` rise and fall with the load. With a leak they"
        " stay high after the load has ended. When they reach the `capacity`,"
        " requests are `waiting`."
        " Runbook: `docs/runbooks.md#poolnearexhaustion`",
        Query(f"sum(db_client_connection_count{{{used}}})", "in use"),
        Query(f"sum(db_client_connection_count{{{idle}}})", "idle"),
        Query(
            f"sum(db_client_connection_pending_requests{{{of}}})", "waiting"
        ),
        Query(f"sum(db_client_connection_max{{{of}}})", "capacity"),
    )


def quantiles(histogram: str, by: str = "") -> list[Query]:
    """Query the 95th percentile and the median."""
    rate = f'rate({histogram}_bucket{{job=~"$service"}}[$__rate_interval])'
    sums = f"sum by (le, {by}) ({rate})" if by else f"sum by (le) ({rate})"
    named = f"{{{{{by}}}}} " if by else ""
    return [
        Query(f"histogram_quantile(0.95, {sums})", f"{named}p95"),
        Query(f"histogram_quantile(0.5, {sums})", f"{named}p50"),
    ]


def responses(labels: str) -> str:
    """Count responses a second."""
    of = f'job=~"$service", {labels}'
    return f"sum(rate(http_requests_total{{{of}}}[$__rate_interval]))"


def leaks(when: str = "") -> str:
    """Count all leaks of each line."""
    of = 'job=~"$service", site!=""'
    return f"sum by (site) (poolwatch_leaks_total{{{of}}}{when})"


LEAKS_OF_A_MINUTE = (
    f"clamp_min({leaks()} - ({leaks(' offset 1m')} or 0 * {leaks()}), 0)"
)
"""`rate` would miss the first leak of a line, which creates the series."""

OVERVIEW = [
    pool("engine"),
    pool("asyncpg"),
    graph(
        "Leaked connections, by line",
        "Connections whose request has ended, by the line that checked them"
        " out. **Each is a leak**: a healthy service has none. A sawtooth"
        " means that the garbage collector returns them. Runbook:"
        " `docs/runbooks.md#poolleak`",
        Query(
            "sum by (site)"
            ' (poolwatch_loans_open{job=~"$service", state="leaked"})',
            "{{site}}",
        ),
        shade=VERMILLION,
    ).stacking(STACKED),
    graph(
        "Requests",
        "Successful requests of *before* and of *after*, and failed ones (5xx;"
        " with an exhausted pool they fail with 503). A leaky handler is as"
        " fast as a fixed one until the pool is exhausted.",
        Query(responses('handler=~"/before/.*", status!="5xx"'), "before"),
        Query(
            responses(f'handler!~"/before/.*|{OTHERS}", status!="5xx"'),
            "after",
        ),
        Query(responses(f'handler!~"{OTHERS}", status="5xx"'), "failed"),
        unit="reqps",
    ),
]

LEAKS = [
    graph(
        "Leaks in the last minute, by line",
        "Connections that each line leaked. An exhausted pool has none left to"
        " leak.",
        Query(LEAKS_OF_A_MINUTE, "{{site}}"),
        width=8,
        shade=VERMILLION,
    ).stacking(STACKED),
    graph(
        "Oldest checkout",
        "How long the oldest connection has been checked out. With a leak, the"
        " line rises by one second a second. Runbook:"
        " `docs/runbooks.md#oldestloan`",
        Query(
            'max by (pool) (poolwatch_oldest_loan_seconds{job=~"$service"})',
            "{{pool}}",
        ),
        unit="s",
        width=8,
    ),
    graph(
        "Garbage collector",
        "Full collections, and the leaked connections that collections"
        " returned. If the collector returns them, the leak stays hidden until"
        " the load is high.",
        Query(
            "60 * sum(rate("
            'python_gc_collections_total{job=~"$service", generation="2"}'
            "[$__rate_interval]))",
            "full collections",
        ),
        Query(
            "60 * sum by (pool) (rate("
            'poolwatch_garbage_collected_total{job=~"$service"}[$__rate_interval]))',
            "{{pool}} returned",
        ),
        unit="cpm",
        width=8,
    ),
]

WAITS = [
    graph(
        "Wait for a connection",
        "How long requests wait for a free connection. It grows before any"
        " request fails. Runbook: `docs/runbooks.md#slowacquire`",
        *quantiles("db_client_connection_wait_time_seconds", POOL),
        unit="s",
    ),
    graph(
        "Time a connection is in use",
        "From checkout to return. It does *not* show a leak: a connection is"
        " measured only when it returns.",
        *quantiles("db_client_connection_use_time_seconds", POOL),
        unit="s",
    ),
    graph(
        "Timeouts per minute",
        "Requests that got no connection in time and failed with 503. Runbook:"
        " `docs/runbooks.md#acquiretimeouts`",
        Query(
            f"60 * sum by ({POOL}) (rate("
            'db_client_connection_timeouts_total{job=~"$service"}'
            "[$__rate_interval]))",
            f"{{{{{POOL}}}}}",
        ),
        unit="cpm",
    ),
    graph(
        "Response time",
        "All requests, including probes. When the pool is exhausted, it rises"
        " to the pool's timeout.",
        *quantiles("http_request_duration_highr_seconds"),
        unit="s",
    ),
]
