"""What PostgreSQL itself counts, as metrics, over a monitor's connection.

`db_connections_active` is the write-up's. The others are called as
postgres_exporter calls them, so that rules and dashboards made for it fit.
"""

import asyncpg
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from app.database.monitor import LIMITS, STATES, Monitor


async def server_metrics(monitor: Monitor) -> bytes:
    """Show what the server counts, which is the same in every worker."""
    registry = CollectorRegistry()
    up = Gauge(
        "db_up",
        "1 where the server answered this scrape, else 0 and nothing more",
        registry=registry,
    )
    try:
        states = await monitor.states()
        backends = await monitor.backends()
        limits = await monitor.limits()
    except (OSError, asyncpg.PostgresError):
        return generate_latest(registry)
    up.set(1)
    active = Gauge(
        "db_connections_active",
        "Connections of this database by state, as the server counts them",
        ["state"],
        registry=registry,
    )
    oldest = Gauge(
        "pg_stat_activity_max_tx_duration",
        "Age of the oldest transaction of this database by state, in seconds",
        ["state"],
        registry=registry,
    )
    for state in STATES:
        active.labels(state).set(states[state].connections)
        oldest.labels(state).set(states[state].oldest_transaction)
    connected = Gauge(
        "pg_stat_database_numbackends",
        "Connections of each database of the server, of all its clients",
        ["datname"],
        registry=registry,
    )
    for database, count in backends.items():
        connected.labels(database).set(count)
    for name in LIMITS:
        limit = Gauge(
            f"pg_settings_{name}",
            f"The server's setting {name}; 0 where it does not know it",
            registry=registry,
        )
        limit.set(limits[name])
    return generate_latest(registry)
