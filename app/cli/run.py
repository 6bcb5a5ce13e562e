"""Run a command line: signals end it cleanly, and errors are one line.

Both command lines, `python -m app` and `python -m lab`, are run by it.
"""

import atexit
import gc
import signal
import sys
from importlib import import_module
from io import TextIOWrapper

import typer
from rich.console import Console

say = Console(
    stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True
).print


def run(command_line: typer.Typer) -> None:
    """Run it; an expected error is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has no × gets a question mark, not a traceback.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    # At exit, Python searches all objects for garbage, which takes 0.4 s here.
    # It skips the frozen ones.
    atexit.register(gc.freeze)
    # SIGTERM unwinds like Ctrl-C, so that an embedded server stops as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup does
        signal.signal(signal.SIGHUP, _terminate)  # its terminal was closed
    try:
        command_line()
    except Exception as error:
        # The drivers' own errors are known there: a command that fails has
        # imported them already, and `--help` does without.
        message = import_module("app.cli.failures").explain(error)
        if message is None:
            raise
        say(f"error: {message}")
        sys.exit(2)


def _terminate(*_: object) -> None:
    signal.raise_signal(signal.SIGTERM)
