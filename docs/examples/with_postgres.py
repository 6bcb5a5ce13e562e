"""Start a PostgreSQL, and run a command with its DATABASE_URL."""

import signal
import subprocess
import sys

from lab.start import database

with database():
    command = subprocess.Popen(sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: command.terminate())
    sys.exit(command.wait())
