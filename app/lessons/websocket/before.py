"""Websocket, before: one session for the whole conversation."""

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
    """For each message, send where the order is."""
    await socket.accept()
    async for question in questions(socket):
        this = {"id": question.order_id}
        # LEAK websocket-1: the socket keeps this connection until it closes.
        found = await session.exec(ONE_ORDER, params=this)
        order = found.one_or_none()
        if order is None:
            await socket.send_json(this | {"news": "there is no such order"})
            continue
        await carrier.call()
        await socket.send_json(this | {"news": f"near {order.customer}"})
