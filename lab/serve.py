"""The command `serve` of the lab: the service, with all that it needs."""

import os

from app.cli.serve import Host, Port, Workers
from app.cli.serve import serve as run_service
from lab.start import database


def serve(
    host: Host = "127.0.0.1", port: Port = 8000, workers: Workers = 1
) -> None:
    """Run the service with the lab on, until Ctrl-C or SIGTERM.

    Without DATABASE_URL it starts an embedded PostgreSQL. LAB_ENABLED=false
    runs the service as in production.
    """
    with database():
        os.environ.setdefault("LAB_ENABLED", "true")
        run_service(host=host, port=port, workers=workers)
