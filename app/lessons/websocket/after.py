"""Websocket, after: a session for each message, and none between them."""

from fastapi import APIRouter, WebSocket
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
from app.lessons.provider import ProviderDep
from app.lessons.websocket.shared import questions
from app.orders.query import ONE_ORDER

router = APIRouter()


@router.websocket("/orders/live")
async def follow_orders(
    socket: WebSocket, database: DatabaseDep, carrier: ProviderDep
) -> None:
    """Answer where the orders are that the client asks for."""
    await socket.accept()
    async for question in questions(socket):
        this = {"id": question.order_id}
        # FIX websocket-1: each question borrows, and gives back at once.
        async with AsyncSession(database.reader) as session:
            found = await session.exec(ONE_ORDER, params=this)
            order = found.one_or_none()
        if order is None:
            await socket.send_json(this | {"news": "there is no such order"})
            continue
        await carrier.call()
        await socket.send_json(this | {"news": f"near {order.customer}"})
