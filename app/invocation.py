"""How this program was called, for messages that say what to type next."""

import os
import sys
from pathlib import Path

PYTHON = sys.executable.removeprefix(f"{Path.cwd()}{os.sep}")
"""The interpreter, as one types it in the folder where this began."""
APP = f"{PYTHON} -m app"
"""`.venv/bin/python -m app`, say: few have the environment activated."""
LAB = f"{PYTHON} -m lab"
