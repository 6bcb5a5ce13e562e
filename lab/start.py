"""The database that a command of the lab works on."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

from app.cli.start import today
from app.database.migrate import migrate
from app.database.seed import seed
from app.settings import Settings
from lab.embedded import embedded_postgres


@contextmanager
def database() -> Iterator[Settings]:
    """Use DATABASE_URL, or an embedded server for as long as it is needed.

    The embedded server gets its tables and data on first use. The settings
    are a command's own: the lab is on in the service, which has its token.
    """
    if os.environ.keys() & {"DATABASE_URL", "DATABASE_DIRECT_URL"}:
        yield Settings(lab_enabled=False)
        return
    with embedded_postgres() as url:
        os.environ["DATABASE_URL"] = url
        settings = Settings(lab_enabled=False)
        migrate()
        asyncio.run(seed(settings.direct_dsn, today(), lambda _: None))
        yield settings
