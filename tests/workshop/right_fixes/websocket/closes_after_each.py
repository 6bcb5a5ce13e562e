"""A close() after each query."""

from fastapi import APIRouter, WebSocket

from app.database.sessions import SessionDep
from app.lessons.provider import ProviderDep
from app.lessons.websocket.shared import questions
from app.orders.shared import ONE_ORDER

router = APIRouter()


@router.websocket("/orders/live")
async def follow_orders(
    socket: WebSocket, session: SessionDep, carrier: ProviderDep
) -> None:
    """Answer where the orders are that the client asks for."""
    await socket.accept()
    async for question in questions(socket):
        this = {"id": question.order_id}
        found = await session.exec(ONE_ORDER, params=this)
        order = found.one_or_none()
        await session.close()
        if order is None:
            await socket.send_json(this | {"news": "there is no such order"})
            continue
        await carrier.call()
        await socket.send_json(this | {"news": f"near {order.customer}"})
