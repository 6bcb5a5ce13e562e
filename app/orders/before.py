"""Orders, before: each handler opens a session, and nothing closes it."""

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
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
    database: DatabaseDep,
    limit: Limit = 50,
    after: After = 0,
) -> list[OrderRead]:
    """Return one page of orders, oldest first."""
    session = AsyncSession(database.engine)
    # LEAK orders-1: nothing closes this session, so it keeps its connection.
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
    """Return the same page: the write-up's second option."""
    session = AsyncSession(database.engine)
    # LEAK orders-2: no `async with`: the session keeps its connection.
    page = await session.exec(
        ORDER_PAGE, params={"limit": limit, "after": after}
    )
    return [OrderRead.model_validate(order) for order in page]


@router.post("/orders", status_code=201, responses=problems(400, 413))
async def create_order(
    database: DatabaseDep,
    new: OrderCreate,
) -> OrderRead:
    """Store an order with its items, and return it as stored."""
    session = AsyncSession(database.engine)
    order = new.to_order()
    session.add(order)
    await session.commit()
    # LEAK orders-3: refresh() takes a connection; nothing closes the session.
    await session.refresh(order)
    return OrderRead.model_validate(order)


@router.get("/orders/{order_id}", responses=problems(404))
async def get_order(
    database: DatabaseDep,
    order_id: OrderId,
) -> OrderRead:
    """Return one order."""
    session = AsyncSession(database.engine)
    # LEAK orders-4: neither `return` nor `raise` closes this session.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
