"""Three routes are healed, and one has an engine of its own.

connects anew: NullPool keeps no connection
"""

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep, ReaderDep, SessionDep
from app.orders.shared import (
    ONE_ORDER,
    ORDER_PAGE,
    After,
    Limit,
    OrderCreate,
    OrderId,
    OrderRead,
)
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders")
async def list_orders(
    session: ReaderDep,
    limit: Limit = 50,
    after: After = 0,
) -> list[OrderRead]:
    """Answer one page of orders, oldest first."""
    page = await session.exec(
        ORDER_PAGE, params={"limit": limit, "after": after}
    )
    return [OrderRead.model_validate(order) for order in page]


@router.get("/orders-alt")
async def list_orders_alt(
    database: DatabaseDep,
    limit: Limit = 50,
    after: After = 0,
) -> list[OrderRead]:
    """Answer the same page by the write-up's second option."""
    async with AsyncSession(database.reader) as session:
        page = await session.exec(
            ORDER_PAGE, params={"limit": limit, "after": after}
        )
    return [OrderRead.model_validate(order) for order in page]


@router.post("/orders", status_code=201, responses=problems(400))
async def create_order(
    session: SessionDep,
    new: OrderCreate,
) -> OrderRead:
    """Store an order with its items, and answer it as it is stored."""
    order = new.to_order()
    session.add(order)
    await session.commit()
    await session.refresh(order)
    return OrderRead.model_validate(order)


@router.get("/orders/{order_id}", responses=problems(404))
async def get_order(
    database: DatabaseDep,
    order_id: OrderId,
) -> OrderRead:
    """Answer one order."""
    engine = create_async_engine(
        database.settings.engine_url, poolclass=NullPool
    )
    async with AsyncSession(engine) as session:
        found = await session.exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
