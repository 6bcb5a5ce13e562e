"""The query in run_in_threadpool()."""

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine
from sqlmodel import Session

from app.lessons.provider import ProviderDep
from app.lessons.threads_engine import ThreadsEngineDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/location", responses=problems(404, 504))
async def locate_order(
    order_id: OrderId, engine: ThreadsEngineDep, carrier: ProviderDep
) -> OrderRead:
    """Answer one order, once the carrier knows of it."""
    await carrier.call()
    return await run_in_threadpool(read_order, engine, order_id)


def read_order(engine: Engine, order_id: int) -> OrderRead:
    """Ask for one order, in a session that begins and ends here."""
    with Session(engine) as session:
        found = session.exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
