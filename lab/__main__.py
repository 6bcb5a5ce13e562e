"""The lab's command line: `python -m lab check`, demo, page and others."""

from app.cli.lazy import LazyCommand, command_line
from app.cli.run import run

cli = command_line(
    "Run the order service, load it, check it and learn from it. Without"
    " DATABASE_URL each command uses an embedded PostgreSQL in .data/.",
    LazyCommand(
        "demo",
        "lab.demo.command:demo",
        "Load the leaky and then the fixed service, and compare the two.",
    ),
    LazyCommand(
        "report",
        "lab.demo.command:report",
        "Write the pages of an earlier run again, from its report.json.",
    ),
    LazyCommand(
        "serve",
        "lab.serve:serve",
        "Run the service with the lab on, until Ctrl-C or SIGTERM.",
    ),
    LazyCommand(
        "page",
        "lab.page.command:page",
        "Run the service with the lab on, and the live page beside it.",
    ),
    LazyCommand(
        "workshop",
        "lab.workshop.command:workshop",
        "Learn by doing: find the line that leaks, fix it, and check the fix.",
    ),
    LazyCommand(
        "lessons",
        "lab.lessons:lessons",
        "List the lessons: mistake, cure, and what returns the connection.",
    ),
    LazyCommand(
        "check",
        "lab.check.command:check",
        "Send each lesson's requests, and count leaked and blocked"
        " connections.",
    ),
    LazyCommand(
        "load",
        "lab.load.command:load",
        "Send scenarios at a constant rate, whatever the service does.",
    ),
    LazyCommand(
        "bench",
        "lab.bench.command:bench",
        "Measure the fixed routes against raw asyncpg and the write-up's fix.",
    ),
    LazyCommand(
        "bench-poolwatch",
        "lab.bench.command:bench_poolwatch",
        "Measure what poolwatch costs, in pairs, with it and without it.",
    ),
)

if __name__ == "__main__":
    run(cli)
