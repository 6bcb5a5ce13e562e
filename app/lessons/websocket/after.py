"""Websocket, after: one short session for each message."""

from fastapi import APIRouter, WebSocket
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
from app.lessons.provider import ProviderDep
from app.lessons.websocket.shared import questions
from app.orders.shared import ONE_ORDER

router = APIRouter()


@router.websocket("/orders/live")
async def follow_orders(
    socket: WebSocket, database: DatabaseDep, carrier: ProviderDep
) -> None:
    """For each message, send where the order is."""
    await socket.accept()
    async for question in questions(socket):
        this = {"id": question.order_id}
        # FIX websocket-1: each message opens and closes its own session.
        async with AsyncSession(database.engine) as session:
            found = await session.exec(ONE_ORDER, params=this)
            order = found.one_or_none()
        if order is None:
            await socket.send_json(this | {"news": "there is no such order"})
            continue
        await carrier.call()
        await socket.send_json(this | {"news": f"near {order.customer}"})
