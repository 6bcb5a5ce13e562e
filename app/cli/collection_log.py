"""One log line for each garbage collection that ends leaked connections.

SQLAlchemy logs an error and prints a warning for each leaked connection that
a collection finds. For 30 connections these are 90 lines of the terminal.
"""

import gc
import logging
import warnings

LOGGER = "sqlalchemy.pool.impl.AsyncAdaptedQueuePool"
_PREFIX = "The garbage collector is trying to clean up"

logger = logging.getLogger(__name__)


class CollectionLog(logging.Filter):
    """Counts SQLAlchemy's messages during a collection, and logs the sum.

    Lives as long as the process.
    """

    def __init__(self) -> None:
        """Register with the garbage collector, and ignore the warnings."""
        super().__init__()
        self._is_collecting = False
        self._connections = 0
        gc.callbacks.append(self._at_collection)
        warnings.filterwarnings("ignore", _PREFIX)

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop a message of SQLAlchemy, and count it."""
        if not (
            self._is_collecting and record.getMessage().startswith(_PREFIX)
        ):
            return True
        self._connections += 1
        return False

    def _at_collection(self, phase: str, _: dict[str, int]) -> None:
        self._is_collecting = phase == "start"
        if phase == "stop" and self._connections:
            count, self._connections = self._connections, 0
            logger.warning(
                "the garbage collector found %d leaked connections, and"
                " SQLAlchemy ended them",
                count,
            )
