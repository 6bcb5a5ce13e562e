"""The rows about pools and their loans: what to ask, and what to see.

A row is drawn once for each service; in its queries `$service` is that one.
"""

from grafana_foundation_sdk.builders import timeseries

from ops.grafana.panels import STACKED, VERMILLION, Query, graph

POOL = "db_client_connection_pool_name"
"""The label; OpenTelemetry's name is long."""

OTHERS = "none|/docs|/healthz|/readyz|/metrics|/lab/.*|/poolwatch/.*"
"""Handlers that are no lesson; `none` is what nobody has a route for."""


def pool(name: str) -> timeseries.Panel:
    """Draw one pool: what it lends, and what it could."""
    of = f'job=~"$service", {POOL}="{name}"'
    used, idle = (
        f'{of}, db_client_connection_state="{state}"'
        for state in ("used", "idle")
    )
    return graph(
        f"Pool {name}",
        "`lent` goes up and down with the load. With a leak it stays up when"
        " the load has gone, reaches the `capacity`, and then requests are"
        " `waiting`. Runbook: `docs/runbooks.md#poolnearexhaustion`",
        Query(f"sum(db_client_connection_count{{{used}}})", "lent"),
        Query(f"sum(db_client_connection_count{{{idle}}})", "idle"),
        Query(
            f"sum(db_client_connection_pending_requests{{{of}}})", "waiting"
        ),
        Query(f"sum(db_client_connection_max{{{of}}})", "capacity"),
    )


def quantiles(histogram: str, by: str = "") -> list[Query]:
    """Ask for the slowest twentieth and for the middle."""
    rate = f'rate({histogram}_bucket{{job=~"$service"}}[$__rate_interval])'
    sums = f"sum by (le, {by}) ({rate})" if by else f"sum by (le) ({rate})"
    named = f"{{{{{by}}}}} " if by else ""
    return [
        Query(f"histogram_quantile(0.95, {sums})", f"{named}p95"),
        Query(f"histogram_quantile(0.5, {sums})", f"{named}p50"),
    ]


def answers(labels: str) -> str:
    """Count the lessons' answers a second."""
    of = f'job=~"$service", {labels}'
    return f"sum(rate(http_requests_total{{{of}}}[$__rate_interval]))"


def leaked(when: str = "") -> str:
    """Count the leaks so far, by line."""
    of = 'job=~"$service", site!=""'
    return f"sum by (site) (poolwatch_leaks_total{{{of}}}{when})"


LEAKED_LATELY = (
    f"clamp_min({leaked()} - ({leaked(' offset 1m')} or 0 * {leaked()}), 0)"
)
"""Not `rate`: a line's first leaks make its series, and are no increase."""

OVERVIEW = [
    pool("engine"),
    pool("asyncpg"),
    graph(
        "Leaked loans, by line",
        "Connections whose request has ended, by the line that borrowed them."
        " **Each is a leak**: a healthy service has none. A sawtooth: the"
        " garbage collector gives them back. Runbook:"
        " `docs/runbooks.md#poolleak`",
        Query(
            "sum by (site)"
            ' (poolwatch_loans_open{job=~"$service", state="leaked"})',
            "{{site}}",
        ),
        otherwise=VERMILLION,
    ).stacking(STACKED),
    graph(
        "Requests",
        "Answered by leaky and by fixed code, and failed (5xx: an exhausted"
        " pool answers 503). What leaks answers as quickly as what does not,"
        " until the pool is empty.",
        Query(answers('handler=~"/before/.*", status!="5xx"'), "before"),
        Query(
            answers(f'handler!~"/before/.*|{OTHERS}", status!="5xx"'),
            "after",
        ),
        Query(answers(f'handler!~"{OTHERS}", status="5xx"'), "failed"),
        unit="reqps",
    ),
]

LEAKS = [
    graph(
        "Leaks in the last minute, by line",
        "How often each line forgot to give its connection back. When the pool"
        " is empty there is nothing left to leak.",
        Query(LEAKED_LATELY, "{{site}}"),
        width=8,
        otherwise=VERMILLION,
    ).stacking(STACKED),
    graph(
        "Oldest loan",
        "How long one connection has been out. A leak is a line that rises by"
        " a second each second. Runbook: `docs/runbooks.md#oldestloan`",
        Query(
            'max by (pool) (poolwatch_oldest_loan_seconds{job=~"$service"})',
            "{{pool}}",
        ),
        unit="s",
        width=8,
    ),
    graph(
        "Garbage collector",
        "Full collections, and the leaked loans they gave back. Where the"
        " collector heals a leak, the leak hides until the load is high.",
        Query(
            "60 * sum(rate("
            'python_gc_collections_total{job=~"$service", generation="2"}'
            "[$__rate_interval]))",
            "full collections",
        ),
        Query(
            "60 * sum by (pool) (rate("
            'poolwatch_garbage_collected_total{job=~"$service"}[$__rate_interval]))',
            "{{pool}} given back",
        ),
        unit="cpm",
        width=8,
    ),
]

WAITS = [
    graph(
        "Wait for a connection",
        "Near zero while the pool has one. It grows before anything fails."
        " Runbook: `docs/runbooks.md#slowacquire`",
        *quantiles("db_client_connection_wait_time_seconds", POOL),
        unit="s",
    ),
    graph(
        "Use of a connection",
        "From borrowing it to its return. A leak is *not* seen here: what"
        " never comes back is never measured.",
        *quantiles("db_client_connection_use_time_seconds", POOL),
        unit="s",
    ),
    graph(
        "Timeouts per minute",
        "Waits that ended without a connection; each is a 503. Runbook:"
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
        "Time to answer",
        "All requests, probes as well: fast until the pool is empty, then as"
        " slow as the pool's timeout.",
        *quantiles("http_request_duration_highr_seconds"),
        unit="s",
    ),
]
