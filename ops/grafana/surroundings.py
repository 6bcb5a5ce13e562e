"""The rows about alerts, the server and the process."""

from ops.grafana.panels import BLUE, STACKED, Query, graph, timeline

ALERTS = [
    timeline(
        "Alerts: pending, then firing",
        "`PoolLeak` fires within a minute of the first leak. The write-up's"
        " own rule, `DatabaseConnectionLeak`, has no bar: it waits for 80"
        " *active* connections. Runbooks: `docs/runbooks.md`",
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
        "As PostgreSQL sees this database. A leaked session is `idle in"
        " transaction`, a leaked asyncpg connection `idle`, and neither is"
        " `active`: the write-up's alert waits for 80 active ones. Runbook:"
        " `docs/runbooks.md#databaseconnectionleak`",
        Query(
            'max by (state) (db_connections_active{job=~"$service"})',
            "{{state}}",
        ),
        width=8,
        otherwise=BLUE,
    ).stacking(STACKED),
    graph(
        "Connections of the server",
        "Those of all its databases, against max_connections minus what is"
        " reserved. After the last, nobody can connect. Runbook:"
        " `docs/runbooks.md#serverconnectionshigh`",
        Query(
            "max(sum by (instance) ("
            'pg_stat_database_numbackends{job=~"$service"}))',
            "taken",
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
        "By the state of its connection. A leaked session's transaction is"
        " never ended; it keeps its locks. Runbook:"
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
        "How late the event loop comes to a call. Something that blocks lifts"
        " it to seconds, and no request goes on meanwhile. Runbook:"
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
        "Resident memory. A leak costs the service little of it: the pool is"
        " empty long before the memory is.",
        Query(
            'process_resident_memory_bytes{job=~"$service"}',
            "{{instance}} {{process}}",
        ),
        unit="bytes",
        width=12,
    ),
]
