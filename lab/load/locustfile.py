"""The load: users who send the service's scenarios, in random order.

A Locust file: `locust -f lab/load/locustfile.py --host http://127.0.0.1:8000`.
Paths carry no variant, so the flags decide who answers.
"""

import random

from locust import FastHttpUser, between, task

from app.api import SERVICE

SCENARIOS = [
    (lesson.name, scenario)
    for lesson in SERVICE
    for scenario in lesson.scenarios
]


class Customer(FastHttpUser):
    """Somebody who looks, orders, pauses to think, and looks again."""

    wait_time = between(0.1, 0.3)

    @task
    def send(self) -> None:
        """Send one scenario; any answer but its own is a failure."""
        lesson, scenario = random.choice(SCENARIOS)  # noqa: S311 - load
        with self.client.request(
            scenario.method,
            scenario.path,
            json=scenario.body,
            name=f"{lesson}: {scenario.name}",
            catch_response=True,
        ) as answer:
            if answer.status_code == scenario.status:
                answer.success()
            else:
                answer.failure(f"answered {answer.status_code}")
