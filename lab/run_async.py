"""Run a coroutine that SIGTERM cancels, as Ctrl-C does.

The command line makes SIGTERM raise SystemExit. Raised inside an event loop,
it would leave subprocesses and connections open.
"""

import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

Result = TypeVar("Result")


def run(work: Coroutine[None, None, Result]) -> Result:
    """Run it to its end.

    Raises:
        KeyboardInterrupt: Ctrl-C has cancelled it.
        SystemExit: SIGTERM has.

    """
    return asyncio.run(_cancelled_by_sigterm(work))


async def _cancelled_by_sigterm(
    work: Coroutine[None, None, Result],
) -> Result:
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    exits = signal.getsignal(signal.SIGTERM)
    loop.add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await task
    except asyncio.CancelledError:
        if terminated:
            raise SystemExit(128 + signal.SIGTERM) from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, exits)
