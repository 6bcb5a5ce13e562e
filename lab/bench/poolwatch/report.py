"""What was measured, beside the limits: tables, and files for pyperf."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pyperf
from rich.console import Console
from rich.table import Table

from lab.bench.poolwatch import loans
from lab.bench.poolwatch.checkouts import REQUEST
from lab.bench.poolwatch.loans import Weights
from lab.bench.poolwatch.pairs import SIDES, Pairs, Side, Spread
from lab.bench.poolwatch.throughput import ROUTE, Compared
from lab.bench.report import machine

MICROSECOND = 1e-6
MOST_ADDED = 6 * MICROSECOND
"""Seconds that one checkout and return may take longer."""
MOST_LOST = 0.02
"""Part of the throughput that may be lost."""
MOST_BYTES = 1024
"""Memory of one open loan."""
MOST_GROWTH = 1.25
"""What counts as flat: how much longer a loan may take beside 10,000."""

FOLDER = Path("report")


@dataclass(frozen=True, slots=True)
class Measured:
    """All that one run has measured."""

    checkouts: dict[str, Pairs]
    requests: Compared
    loan_bytes: Weights
    loan_seconds: dict[int, list[float]]


def show(measured: Measured) -> None:
    """Print every figure beside its limit, and what is needed to read it."""
    Console(highlight=False).print(
        _checkouts(measured.checkouts),
        _requests(measured.requests),
        _weights(measured.loan_bytes),
        _growth(measured.loan_seconds),
        "Medians of paired, alternated rounds, and between what the median of"
        " endless rounds would lie, with a probability of 95 % (from six"
        " rounds on). Where the limit lies there as well it is unclear: the"
        " run was too short, or the machine too busy. Checkouts and loans are"
        " in CPU time. The service against itself shows how far a ratio can be"
        " trusted. Client, service and PostgreSQL share this machine:",
        ", ".join(f"{key} {fact}" for key, fact in machine().items()),
    )


def _checkouts(found: dict[str, Pairs]) -> Table:
    table = _table(
        "one checkout\nand return",
        *("without\nµs", "with\nµs", "added\nµs", "95 %\ncertain"),
        *("ratio", "at most\n6 µs"),
    )
    for name, pairs in found.items():
        is_loan = name != REQUEST
        table.add_row(
            name,
            _micro(median(pairs.without)),
            _micro(median(pairs.watched)),
            _micro(pairs.added.median),
            f"{_micro(pairs.added.lower)} to {_micro(pairs.added.upper)}",
            f"{pairs.ratio.median:.2f}",
            _verdict(pairs.added, MOST_ADDED) if is_loan else "",
        )
    return table


def _requests(found: Compared) -> Table:
    table = _table(
        ROUTE,
        *("without", "with", "ratio", "95 %\ncertain"),
        "at most\n2 % lost",
    )
    watched, again = found.watched, found.again
    # One worker that computes 1.02 times as long answers 1 / 1.02 as many.
    computed = _verdict(watched.cpu.ratio, 1 / (1 - MOST_LOST))
    answered = _verdict(watched.speed.lost, MOST_LOST)
    for name, pairs, unit, verdict in (
        ("service CPU, µs", watched.cpu, MICROSECOND, computed),
        ("  against itself", again.cpu, MICROSECOND, ""),
        ("requests/s", watched.speed, 1, answered),
        ("  against itself", again.speed, 1, ""),
    ):
        table.add_row(
            name,
            f"{median(pairs.without) / unit:.0f}",
            f"{median(pairs.watched) / unit:.0f}",
            *_ratio(pairs.ratio),
            verdict,
        )
    return table


def _weights(found: Weights) -> Table:
    stacks = [frames for frames in found if frames]
    table = _table(
        "loans open",
        *(f"bytes each,\n{frames} frames" for frames in stacks),
        *("borrower\nbeside it", "at most\n1 KiB"),
    )
    for count in loans.COUNTS:
        alone = found[loans.NO_LOAN][count]
        sizes = [found[frames][count] - alone for frames in stacks]
        table.add_row(
            f"{count:,}",
            *(f"{size:.0f}" for size in sizes),
            f"{alone:.0f}",
            "within" if max(sizes) <= MOST_BYTES else "above",
        )
    return table


def _growth(found: Mapping[int, list[float]]) -> Table:
    table = _table(
        "loans open",
        *("one more,\nµs", "ratio", "95 %\ncertain"),
        f"at most\n{MOST_GROWTH}",
    )
    for count, seconds in found.items():
        ratio = Pairs(found[loans.COUNTS[0]], seconds).ratio
        table.add_row(
            f"{count:,}",
            _micro(median(seconds)),
            *_ratio(ratio),
            _verdict(ratio, MOST_GROWTH),
        )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(first)
    for heading in others:
        table.add_column(heading, justify="right")
    return table


def _micro(seconds: float) -> str:
    return f"{seconds / MICROSECOND:.1f}"


def _ratio(ratio: Spread) -> tuple[str, str]:
    return f"{ratio.median:.3f}", f"{ratio.lower:.3f} to {ratio.upper:.3f}"


def _verdict(measured: Spread, limit: float) -> str:
    if measured.lower <= limit < measured.upper:
        return "unclear"
    return "within" if measured.upper <= limit else "above"


def write(measured: Measured) -> list[Path]:
    """Write each side as pyperf does, for `pyperf compare_to`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    files = []
    for side in SIDES:
        suite = pyperf.BenchmarkSuite(list(_benchmarks(measured, side)))
        files.append(FOLDER / f"poolwatch-{side}.json")
        suite.dump(str(files[-1]), replace=True)
    return files


def _benchmarks(measured: Measured, side: Side) -> Iterator[pyperf.Benchmark]:
    # pyperf knows seconds: a request's share of them is 1 / throughput.
    watched = measured.requests.watched
    speed, cpu = watched.speed, watched.cpu
    clock = Pairs(
        [1 / x for x in speed.without], [1 / x for x in speed.watched]
    )
    pairs = {f"{ROUTE}, clock": clock, f"{ROUTE}, CPU": cpu}
    for name, each in (measured.checkouts | pairs).items():
        values = each.watched if side == "with" else each.without
        run = pyperf.Run(values, metadata={"name": name, "unit": "second"})
        yield pyperf.Benchmark([run])
