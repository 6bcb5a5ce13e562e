"""A WebSocket is watched and chosen by flag as any request is."""

import pytest
from websockets.exceptions import ConnectionClosedError

from app.flags import Flags
from app.lesson import Variant
from app.settings import Settings
from tests.conftest import Service, until


@pytest.fixture(params=["before", "after"])
def variant(request: pytest.FixtureRequest) -> Variant:
    """Each side in turn."""
    chosen: Variant = request.param
    return chosen


@pytest.fixture
def settings(settings: Settings, variant: Variant) -> Settings:
    """The flag says who answers, before the service is started."""
    Flags(settings.flags_file).write({"websocket": variant})
    return settings


async def test_a_flag_chooses_who_answers(
    service: Service, variant: Variant
) -> None:
    await service.client.put("/lab/provider", json={"answers": False})

    async with service.socket("/orders/live") as socket:
        await socket.send('{"order_id": 1}')
        await until(lambda: one_waits(service))
        borrowers = [
            loan.borrower and loan.borrower.name for loan in service.loans
        ]

        await service.client.put("/lab/provider", json={"answers": True})
        await socket.recv()

    expected = {"before": ["WEBSOCKET /before/orders/live"], "after": []}
    assert borrowers == expected[variant]


async def one_waits(service: Service) -> bool:
    answer = await service.client.get("/lab/provider")
    return bool(answer.json() == {"waiting": 1})


@pytest.mark.parametrize(
    "question", ["", "{", "1", '{"order_id": 0}', '{"order_id": "one"}']
)
async def test_what_is_no_question_ends_the_conversation(
    service: Service, question: str
) -> None:
    async with service.socket("/orders/live") as socket:
        await socket.send('{"order_id": 1}')
        await socket.recv()
        await socket.send(question)

        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1007
    await service.at_rest()
    assert not service.loans
