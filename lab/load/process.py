"""The load as a process of its own, whose event loop nobody else blocks.

It is the command `load`, which prints each outcome as a line of JSON.
"""

import asyncio
import json
import sys
from collections.abc import Callable

from lab.load.arrivals import TIMEOUT, Outcome

STOP_SECONDS = 5


class LoadFailedError(ChildProcessError):
    """The load ended before its time."""


async def run_load(
    url: str,
    record: Callable[[Outcome], None],
    *,
    rate: float,
    seed: int,
    seconds: float | None = None,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - of each request
    lessons: tuple[str, ...] = (),
) -> None:
    """Send what `arrivals.plan` plans, and record each outcome as it comes.

    Ends with the plan, or, where that has no end, when it is cancelled; the
    process has ended then, and so have its sockets.

    Raises:
        LoadFailedError: it could not begin, or went away.

    """
    command = [sys.executable, "-m", "lab", "load", url, *lessons, "--json"]
    command += ["--rate", str(rate), "--seed", str(seed)]
    command += ["--timeout", str(timeout)]
    if seconds is not None:
        command += ["--seconds", str(seconds)]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # a terminal's Ctrl-C is its parent's affair
    )
    assert process.stdout and process.stderr  # noqa: S101, PT018 - both PIPE
    try:
        async for line in process.stdout:
            record(Outcome(**json.loads(line)))
        told = (await process.stderr.read()).decode().strip()
        if await process.wait():
            message = f"the load ended before its time: {told}"
            raise LoadFailedError(message)
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
