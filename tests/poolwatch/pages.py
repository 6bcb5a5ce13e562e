"""What the tests of `/poolwatch/…` ask, and the leaks they show."""

from typing import Any

from tests.conftest import Service

TEXT = {"Accept": "text/plain"}
LEAK = "/before/orders/1"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def loans(service: Service) -> dict[str, Any]:
    answer = await service.client.get("/poolwatch/loans")
    return answer.raise_for_status().json()  # type: ignore[no-any-return]


async def leaks(service: Service) -> dict[str, Any]:
    answer = await service.client.get("/poolwatch/leaks")
    return answer.raise_for_status().json()  # type: ignore[no-any-return]


async def text(service: Service, page: str) -> str:
    answer = await service.client.get(f"/poolwatch/{page}", headers=TEXT)
    return answer.raise_for_status().text


async def leak(service: Service, path: str = LEAK, **headers: str) -> None:
    await service.client.get(path, headers=headers)
    await service.at_rest()


async def exhaust(service: Service) -> None:
    for _ in range(6):
        await leak(service)


async def verdict(service: Service, pool: str = "engine") -> Any:  # noqa: ANN401
    page = await loans(service)
    [found] = [row for row in page["pools"] if row["name"] == pool]
    return found["verdict"]
