"""Run migrations over the service's own engine, at the server itself."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.connect import direct_arguments
from app.database.models import SQLModel
from app.database.unreachable import named_in_errors
from app.settings import Settings


def run(connection: Connection) -> None:
    """Run what the command line asked for, in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        compare_server_default=True,
    )
    with context.begin_transaction():
        # Two that migrate at once would both create the tables.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(20261122)")
        context.run_migrations()


async def connect_and_run() -> None:
    """Connect once, without a pool."""
    settings = Settings(lab_enabled=False)  # it needs no token
    engine = create_async_engine(
        settings.direct_url,
        poolclass=pool.NullPool,
        connect_args=direct_arguments(settings),
    )
    with named_in_errors(settings.direct_url):
        async with engine.connect() as connection:
            await connection.run_sync(run)
            await connection.commit()


asyncio.run(connect_and_run())
