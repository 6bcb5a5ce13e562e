"""Clients for Locust's page: the same request mix, sent in a closed loop.

    locust -f lab/load/locustfile.py --host http://127.0.0.1:8000

Paths carry no variant, so the flags decide which one responds.
"""

from random import Random

from locust import FastHttpUser, between, task

from lab.load.mix import draw

RANDOM = Random()  # noqa: S311 - load


class Client(FastHttpUser):
    """Sends a request, pauses, and sends the next one."""

    wait_time = between(0.1, 0.3)

    @task
    def send(self) -> None:
        """Send one scenario; any status but its own is a failure."""
        lesson, scenario, path = draw(RANDOM)
        with self.client.request(
            scenario.method,
            path,
            json=scenario.body,
            name=f"{lesson.name}: {scenario.name}",
            catch_response=True,
        ) as response:
            if response.status_code == scenario.status:
                response.success()
            else:
                response.failure(f"status {response.status_code}")
