"""A connection that is ended in its own event loop, and nowhere else.

Python collects garbage in whichever thread comes upon it, and the connection
of a leaked session is garbage. Ended by the thread that answers Prometheus,
it took the whole process with it: uvloop is for one thread, and ends in a
segmentation fault (https://github.com/MagicStack/asyncpg/issues/376).
"""

import asyncio
from contextlib import suppress

import asyncpg


class Connection(asyncpg.Connection):
    """What the engine connects with, where it speaks asyncpg."""

    _loop: asyncio.AbstractEventLoop

    def terminate(self) -> None:
        """End at once; from another thread, as soon as the loop comes to it.

        A loop that is closed has closed its connections.
        """
        if self._is_at_home():
            super().terminate()
        else:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(super().terminate)

    def _is_at_home(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False
