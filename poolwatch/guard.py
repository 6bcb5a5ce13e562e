"""The first law: a fault of poolwatch's own harms no pool and no request.

Each function that a driver or a request runs through is `harmless`: if it
raises, the fault is logged once with its cause, and the caller goes on. What
the function would have recorded is missing: the pool is watched less.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Owner = TypeVar("Owner", bound=Any)
P = ParamSpec("P")
Result = TypeVar("Result")

logger = logging.getLogger("poolwatch")


def harmless(
    function: Callable[Concatenate[Owner, P], Result],
) -> Callable[Concatenate[Owner, P], Result | None]:
    """Make a function return None where it would raise.

    Its first argument is the book or the ledger whose `faults` remember it.
    It takes no keywords: those would cost each checkout a microsecond.
    """

    @wraps(function)
    def guarded(owner: Any, *others: Any) -> Any:  # noqa: ANN401
        try:
            return function(owner, *others)  # type: ignore[call-arg]
        except Exception as fault:  # noqa: BLE001 - whatever it is
            with suppress(Exception):
                _log_once(owner, function.__qualname__, fault)
            return None

    return guarded  # type: ignore[return-value]


def _log_once(owner: Any, function: str, fault: Exception) -> None:  # noqa: ANN401
    if function in owner.faults:
        return
    owner.faults[function] = f"{type(fault).__name__}: {fault}"
    logger.error(
        "poolwatch has a fault, and sees less of %s: %s raised",
        owner,
        function,
        exc_info=fault,
    )
