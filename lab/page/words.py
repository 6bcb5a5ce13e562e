"""Quantities as a room reads them: few digits, and a unit."""


def duration(seconds: float | None) -> str:
    """`12 ms`, `1.4 s`, `34 s`, `3 min`; a question mark if not known."""
    if seconds is None:
        return "?"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:  # noqa: PLR2004 - above this one digit is enough
        return f"{seconds:.1f} s"
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def memory(size: float | None) -> str:
    """`112 MB`; a question mark where it may not be read."""
    return "?" if size is None else f"{size / 1e6:.0f} MB"


def rate(per_second: float) -> str:
    """`38`, or `0.5` where it is little."""
    few = 0 < per_second < 10  # noqa: PLR2004
    return f"{per_second:.1f}" if few else f"{per_second:.0f}"


def count(number: int, noun: str) -> str:
    """`1 loan`, `30 loans`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
