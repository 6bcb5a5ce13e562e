"""Websocket, before: one session, from the first message to the goodbye."""

from fastapi import APIRouter, WebSocket

from app.database.sessions import SessionDep
from app.lessons.provider import ProviderDep
from app.lessons.websocket.shared import questions
from app.orders.query import ONE_ORDER

router = APIRouter()


@router.websocket("/orders/live")
async def follow_orders(
    socket: WebSocket, session: SessionDep, carrier: ProviderDep
) -> None:
    """Answer where the orders are that the client asks for."""
    await socket.accept()
    async for question in questions(socket):
        this = {"id": question.order_id}
        # LEAK websocket-1: a question borrows, and the closed tab gives back.
        found = await session.exec(ONE_ORDER, params=this)
        order = found.one_or_none()
        if order is None:
            await socket.send_json(this | {"news": "there is no such order"})
            continue
        await carrier.call()
        await socket.send_json(this | {"news": f"near {order.customer}"})
