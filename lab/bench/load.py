"""The load of `bench`: one request, sent over and over without a pause.

A Locust file, with options of its own:

    locust -f lab/bench/load.py -H http://127.0.0.1:8000 --path /orders/1
"""

import random
from argparse import ArgumentParser

from locust import FastHttpUser, events, task

from app.database.seed import EMPTY_EVERY, ORDERS

ORDER_IDS = [each for each in range(1, ORDERS + 1) if each % EMPTY_EVERY]
"""Orders that can be processed: those with items."""


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_arguments(parser: ArgumentParser) -> None:
    """Let the command line say what to send."""
    parser.add_argument("--method", default="GET")
    parser.add_argument("--path", help="{order_id} becomes a random order's")
    parser.add_argument("--body", default="", help="as JSON")


class Caller(FastHttpUser):
    """Asks again as soon as it is answered, on one connection."""

    @task
    def ask(self) -> None:
        """Send the request; any answer but 2xx and 3xx is a failure."""
        options = self.environment.parsed_options
        order_id = random.choice(ORDER_IDS)  # noqa: S311 - load
        self.client.request(
            options.method,
            options.path.format(order_id=order_id),
            data=options.body,
            headers={"Content-Type": "application/json"},
            name="request",
        )
