"""The ports on which the services of the compose file listen."""

import re
from configparser import ConfigParser
from pathlib import Path

from tests.containers import dockerfile
from tests.containers.compose import SERVICES, SERVING

HAPROXY = Path("ops/haproxy/haproxy.cfg").read_text()
PGBOUNCER = ConfigParser(interpolation=None)
PGBOUNCER.read("ops/pgbouncer/pgbouncer.ini")

[EXPOSED] = re.findall(
    r"urlopen\('http://127.0.0.1:(\d+)",
    dockerfile.instructions("HEALTHCHECK")[0],
)
LISTENING = (
    {
        "db": 5432,
        "db-before": 5432,
        "pgbouncer": PGBOUNCER.getint("pgbouncer", "listen_port"),
        "balancer": int(re.findall(r"bind :(\d+)", HAPROXY)[0]),
        "prometheus": 9090,
        "alertmanager": 9093,
        "grafana": 3000,
    }
    | dict.fromkeys(SERVING, int(EXPOSED))
    | dict.fromkeys(
        (name for name in SERVICES if name.startswith("load")), 8089
    )
)
"""From its configuration file, or its default."""
