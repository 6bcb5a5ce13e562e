"""Backends that end under load cost the requests on them, and nothing more."""

import asyncio
from collections import Counter
from functools import partial

import asyncpg
import httpx
import pytest
import uvloop

from app.settings import Settings
from tests.conftest import TODAY, Service, running, until

CLIENTS = 16
CUSTOMER = "A. Storm"
ORDER: dict[str, object] = {
    "customer": CUSTOMER,
    "items": [{"product": "teapot", "price": "24.90", "quantity": 2}],
}
KILL_ONE = """
SELECT count(pg_terminate_backend(pid)) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE starts_with(application_name, $1) ORDER BY random() LIMIT 1
) AS one
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The lab is off, and the pools have their usual sizes."""
    usual = ("pool_workers", "pool_connections_per_worker", "pool_buffer")
    defaults = {name: Settings.model_fields[name].default for name in usual}
    return settings.model_copy(update=defaults | {"lab_enabled": False})


class Storm:
    """Clients on all six routes, and what they were answered."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._over = False
        self.statuses: Counter[int] = Counter()
        self.created: list[int] = []
        self.processed: set[int] = set()

    async def blow(self, server: asyncpg.Connection, kills: int) -> None:
        """End so many backends; between two, two requests are answered."""
        name = self._service.database.settings.application_name
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(self._send_requests())
            while kills:
                kills -= await server.fetchval(KILL_ONE, name)
                answers = self.statuses.total() + 2
                await until(partial(self._has_answers, answers))
            self._over = True

    def _has_answers(self, enough: int) -> bool:
        return self.statuses.total() >= enough

    async def _send_requests(self) -> None:
        url = self._service.client.base_url
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            order_id = 1
            while not self._over:
                await self._send(client, "GET", "/orders?limit=20")
                await self._send(client, "GET", "/orders-alt?limit=20")
                created = await self._send(client, "POST", "/orders", ORDER)
                if created.is_success:
                    order_id = created.json()["id"]
                    self.created.append(order_id)
                await self._send(client, "GET", f"/orders/{order_id}")
                path = f"/orders/{order_id}/process"
                processed = await self._send(client, "POST", path)
                if processed.is_success:
                    self.processed.add(order_id)
                await self._send(client, "GET", f"/analytics?since={TODAY}")

    async def _send(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: dict[str, object] | None = None,
    ) -> httpx.Response:
        answer = await client.request(method, path, json=body)
        self.statuses[answer.status_code] += 1
        return answer


async def survive(settings: Settings, kills: int) -> Storm:
    """Let a storm blow over the service; nothing is leaked or lost then."""
    server = await asyncpg.connect(settings.dsn)
    try:
        async with running(settings) as service:
            storm = Storm(service)
            await storm.blow(server, kills)

            await service.at_rest()
            assert not service.loans
        stored = await server.fetchval(
            "SELECT count(DISTINCT order_id) FROM order_items"
            " WHERE order_id = ANY($1)",
            storm.created,
        )
        assert stored == len(storm.created)
        processed = await server.fetchval(
            "SELECT count(*) FROM orders"
            " WHERE id = ANY($1) AND status = 'processed'",
            storm.processed,
        )
        assert processed == len(storm.processed)
        return storm
    finally:
        await server.execute(
            "DELETE FROM orders WHERE customer = $1", CUSTOMER
        )
        await server.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "kills", [10, pytest.param(600, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_killed_backends_cost_their_requests_alone(
    settings: Settings, kills: int, caplog: pytest.LogCaptureFixture
) -> None:
    # The service's own event loop: its errors are others than asyncio's.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        storm = runner.run(survive(settings, kills))

    assert storm.created
    assert storm.statuses.keys() <= {200, 201, 503}
    lines = [r for r in caplog.records if r.getMessage().startswith("503 ")]
    assert len(lines) == storm.statuses[503]
    assert not [record for record in caplog.records if record.exc_info]
