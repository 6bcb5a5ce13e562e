"""A connection that is terminated only in its own event loop.

The garbage collector may run in any thread, and it terminates the connection
of a leaked session. In the thread that serves Prometheus, this crashed the
whole process: uvloop is not thread-safe, and causes a segmentation fault
(https://github.com/MagicStack/asyncpg/issues/376).
"""

import asyncio
from contextlib import suppress

import asyncpg


class Connection(asyncpg.Connection):
    """The connection class of the engine with asyncpg."""

    _loop: asyncio.AbstractEventLoop

    def terminate(self) -> None:
        """Terminate now; from another thread, in the next loop iteration.

        A closed event loop has closed its connections already.
        """
        if self._is_in_its_loop():
            super().terminate()
        else:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(super().terminate)

    def _is_in_its_loop(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False
