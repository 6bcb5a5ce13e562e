"""The service's command line: `python -m app serve`, migrate, seed, budget."""

from app.cli.lazy import LazyCommand, command_line
from app.cli.run import run

cli = command_line(
    "An order service that shows PostgreSQL connection-pool leaks, before and"
    " after. DATABASE_URL names its database.",
    LazyCommand(
        "serve",
        "app.cli.serve:serve",
        "Run the order service until Ctrl-C or SIGTERM.",
    ),
    LazyCommand(
        "migrate",
        "app.cli.tables:migrate",
        "Create the tables, or upgrade them to the newest revision.",
    ),
    LazyCommand(
        "seed",
        "app.cli.tables:seed",
        "Fill the tables: 3,000 orders with items, 400 days of metrics.",
    ),
    LazyCommand(
        "budget",
        "app.cli.budget:budget",
        "Add up the connections of all pools, and compare with the limit.",
    ),
)

if __name__ == "__main__":
    run(cli)
