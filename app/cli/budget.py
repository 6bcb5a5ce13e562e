"""The command `budget`: who may open how many connections to the server."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from app.database.budget import Budget, BudgetExceededError, Limits, ask_limits
from app.database.monitor import Monitor
from app.settings import Settings

POOLER = 20
"""PgBouncer's own default, and what ops/pgbouncer/pgbouncer.ini says."""


def budget(
    replicas: Annotated[
        int, typer.Option(min=1, help="Copies of the service.")
    ] = 1,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            envvar="WEB_CONCURRENCY",
            help="Worker processes of each copy. Each has separate pools.",
        ),
    ] = 1,
    max_connections: Annotated[
        int | None,
        typer.Option(min=1, help="The server's; it is asked if not given."),
    ] = None,
    reserved: Annotated[
        int,
        typer.Option(
            min=0, help="Kept back for superusers, with --max-connections."
        ),
    ] = Limits().reserved,
    pgbouncer_pool_size: Annotated[
        int,
        typer.Option(min=1, help="PgBouncer's default_pool_size."),
    ] = POOLER,
) -> None:
    """Add up the connections of all pools, and compare with the limit.

    The server of DATABASE_URL says what it allows; without one PostgreSQL's
    defaults count. The settings decide what is refused, with exit code 2:
    pools that connect to the server, or to PgBouncer where DATABASE_DIRECT_URL
    is set. The other way is shown beside it.
    """
    settings = _settings(workers)
    if max_connections is not None:
        limits, source = Limits(max_connections, reserved), "as given"
    elif os.environ.get("DATABASE_URL"):
        limits, source = asyncio.run(_ask(settings)), "as the server says"
    else:
        limits, source = Limits(), "PostgreSQL's defaults: no server was asked"
    plan = Budget(settings, limits, replicas)
    console = Console(highlight=False)
    console.print(_table(plan, pgbouncer_pool_size))
    console.print(f"max_connections: {source}.", *_advice(plan), sep="\n")
    needed = (
        plan.through_pgbouncer(pgbouncer_pool_size)
        if settings.behind_pgbouncer
        else plan.direct
    )
    if needed > limits.free:
        message = (
            f"{needed} connections do not fit into"
            f" {limits.max_connections} - {limits.reserved} reserved ="
            f" {limits.free}"
        )
        raise BudgetExceededError(message)


def _settings(workers: int) -> Settings:
    token = SecretStr("no service is started")
    given = (
        Settings(lab_token=token)
        if os.environ.get("DATABASE_URL")
        else Settings(lab_token=token, database_url="postgresql://nowhere")
    )
    changed: dict[str, object] = {"web_concurrency": workers}
    if workers > 1 and given.poolwatch_folder is None:
        changed["poolwatch_folder"] = Path()  # `serve` makes one
    return given.model_copy(update=changed)


async def _ask(settings: Settings) -> Limits:
    monitor = Monitor(settings.direct_dsn, settings.application_name)
    try:
        return await ask_limits(settings, monitor)
    finally:
        await monitor.close()


def _table(plan: Budget, pooler: int) -> Table:
    settings, limits = plan.settings, plan.limits
    workers = settings.web_concurrency
    table = Table(title="connections to the server, at most")
    table.add_column("who")
    for number in (
        "a process",
        f"a replica\n× {workers} workers",
        f"all\n× {plan.replicas} replicas",
        "all, through\nPgBouncer",
    ):
        table.add_column(number, justify="right")

    def add(who: str, each: int, behind: int) -> None:
        replica = each * workers
        every = replica * plan.replicas
        table.add_row(who, *map(str, (each, replica, every, behind)))

    monitors = settings.monitors
    engine = f"engine, {settings.pool_size} + {settings.max_overflow} overflow"
    add(engine, settings.pool_size + settings.max_overflow, 0)
    add("asyncpg", settings.pool_size, 0)
    if settings.threads_pool_size:
        add("lab", settings.threads_pool_size, 0)
    add("monitor", monitors, monitors * plan.processes)
    table.add_row("PgBouncer", "", "", "", str(pooler), end_section=True)
    direct, behind = plan.direct, plan.through_pgbouncer(pooler)
    add("together", plan.pools + monitors, behind)
    free = str(limits.free)
    allowed = f"{limits.max_connections} - {limits.reserved} reserved"
    table.add_row(allowed, "", "", free, free)
    table.add_row(
        "", "", "", _verdict(direct, limits), _verdict(behind, limits)
    )
    return table


def _verdict(needed: int, limits: Limits) -> str:
    return "fits" if needed <= limits.free else "too many"


def _advice(plan: Budget) -> list[str]:
    """Say what would fit, each way."""
    return [
        f"Without PgBouncer a pool size of {plan.largest_pool} fits"
        " (POOL_WORKERS × POOL_CONNECTIONS_PER_WORKER + POOL_BUFFER)."
        if plan.largest_pool
        else "Without PgBouncer no pool size fits.",
        f"Through it a default_pool_size of {plan.largest_pgbouncer_pool}"
        f" fits, with a max_client_conn of {plan.clients} or more."
        if plan.largest_pgbouncer_pool
        else "Through it no default_pool_size fits either.",
    ]
