"""Panels about alerts, the PostgreSQL server and the process."""

from ops.grafana.panels import BLUE, STACKED, Query, graph, timeline

ALERTS = [
    timeline(
        "Alerts: pending, then firing",
        "`PoolLeak` fires within a minute after the first leak. The write-up's"
        " rule, `DatabaseConnectionLeak`, does not fire on a leak: it needs"
        " more than 80 *active* connections. Runbooks: `docs/runbooks.md`",
        Query(
            'max by (alertname) (2 * ALERTS{alertstate="firing"})'
            ' or max by (alertname) (ALERTS{alertstate="pending"})',
            "{{alertname}}",
        ),
    )
]

SERVER = [
    graph(
        "Connections by state",
        "Connections to this database, as PostgreSQL reports them. A leaked"
        " session is `idle in transaction`, and a leaked asyncpg connection is"
        " `idle`. Neither is `active`, the state that the write-up's alert"
        " counts. Runbook: `docs/runbooks.md#databaseconnectionleak`",
        Query(
            'max by (state) (db_connections_active{job=~"$service"})',
            "{{state}}",
        ),
        width=8,
        shade=BLUE,
    ).stacking(STACKED),
    graph(
        "Connections of the server",
        "Open connections to all databases, and the number allowed"
        " (max_connections minus reserved ones). At that number the server"
        " refuses new connections. Runbook:"
        " `docs/runbooks.md#serverconnectionshigh`",
        Query(
            "max(sum by (instance) ("
            'pg_stat_database_numbackends{job=~"$service"}))',
            "open",
        ),
        Query(
            'max(pg_settings_max_connections{job=~"$service"}'
            " - pg_settings_superuser_reserved_connections"
            " - pg_settings_reserved_connections)",
            "allowed",
        ),
        width=8,
    ),
    graph(
        "Oldest transaction",
        "By the state of its connection. The transaction of a leaked session"
        " stays open and keeps its locks. Runbook:"
        " `docs/runbooks.md#idleintransaction`",
        Query(
            "max by (state) (pg_stat_activity_max_tx_duration{"
            'job=~"$service", state=~"active|idle in transaction.*"})',
            "{{state}}",
        ),
        unit="s",
        width=8,
    ),
]

PROCESS = [
    graph(
        "Event loop lag",
        "How late the event loop runs a scheduled call. Blocking code raises"
        " it to seconds, and no request continues during that time. Runbook:"
        " `docs/runbooks.md#blockedeventloop`",
        Query(
            'poolwatch_event_loop_lag_seconds{job=~"$service"}',
            "{{instance}} {{process}}",
        ),
        unit="s",
        width=12,
    ),
    graph(
        "Memory",
        "Resident memory. A leak costs the service little memory: the pool is"
        " exhausted long before.",
        Query(
            'process_resident_memory_bytes{job=~"$service"}',
            "{{instance}} {{process}}",
        ),
        unit="bytes",
        width=12,
    ),
]
