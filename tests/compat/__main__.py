"""Test poolwatch's adapters with every version of the matrix."""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.start import database
from tests.compat.matrix import LIBRARIES, rows
from tests.compat.run import ROOT, Result, find_pythons, run_tests

README = ROOT / "poolwatch" / "README.md"
HEADING = "| | tested with |"
"""What the README's table begins with; it ends with an empty line."""
AT_ONCE = 2
"""Environments that are tested at the same time."""


def main() -> None:
    """Run the matrix; exit 1 if a test has failed anywhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help="write the table to the README"
    )
    given = parser.parse_args()
    pythons = find_pythons()
    with (
        TemporaryDirectory(prefix="compat-") as temporary,
        database(),
        ThreadPoolExecutor(AT_ONCE) as executor,
    ):
        jobs = [
            executor.submit(
                run_tests,
                row,
                pythons[row.python],
                Path(temporary, str(n)),
            )
            for n, row in enumerate(rows([*pythons]))
        ]
        results = []
        for job in jobs:
            try:
                results.append(job.result())
            except subprocess.CalledProcessError as error:
                executor.shutdown(cancel_futures=True)
                sys.exit(f"{' '.join(error.cmd)}: {error.stderr.strip()}")
            _show(results[-1])
    table = supported(results)
    print(table)
    if given.write:
        before, _, rest = README.read_text().partition(HEADING)
        after = rest.partition("\n\n")[2]
        README.write_text(f"{before}{table}\n{after}")
    if any(result.failed for result in results):
        sys.exit("Not every version passed.")


def _show(result: Result) -> None:
    versions = ", ".join(f"{n} {v}" for n, v in result.versions.items())
    verdict = "failed" if result.failed else "passed"
    print(f"{verdict}: Python {result.row.python}, {versions}", flush=True)
    if result.failed:
        print(result.output, flush=True)


def supported(results: list[Result]) -> str:
    """Make the table: of each library, the versions whose tests passed."""
    lines = [HEADING, "|---|---|"]
    pythons = {r.row.python: None for r in results if not r.failed}
    lines.append(f"| Python | {', '.join(pythons)} |")
    for library in LIBRARIES:
        passed = {
            result.versions[library]: None
            for result in results
            if not result.failed.keys() & {library, "all"}
        }
        lines.append(f"| {library} | {', '.join(passed)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
