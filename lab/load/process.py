"""The load in a separate process, with a separate event loop.

It is the command `load`, which prints each result as a line of JSON.
"""

import asyncio
import json
import sys
from collections.abc import Callable

from lab.load.arrivals import TIMEOUT, RequestResult

STOP_SECONDS = 5


class LoadFailedError(ChildProcessError):
    """The load process failed."""


async def run_load(
    url: str,
    record: Callable[[RequestResult], None],
    *,
    rate: float,
    seed: int,
    seconds: float,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - of each request
) -> None:
    """Send what `plan_arrivals` plans, and record each result as it comes.

    Returns when the plan ends. If cancelled, it ends the process first.

    Raises:
        LoadFailedError: the process could not start sending, or failed.

    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lab", "load", url, "--json"),
        *("--rate", str(rate), "--seed", str(seed)),
        *("--seconds", str(seconds), "--timeout", str(timeout)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C interrupts the parent only
    )
    assert process.stdout and process.stderr  # noqa: S101, PT018 - both PIPE
    try:
        async for line in process.stdout:
            record(RequestResult(**json.loads(line)))
        errors = (await process.stderr.read()).decode().strip()
        if await process.wait():
            message = f"the load failed: {errors}"
            raise LoadFailedError(message)
    finally:
        if process.returncode is None:
            await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
