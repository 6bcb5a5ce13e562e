"""Orders, after: each session is closed by whoever opened it."""

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep, ReaderDep, SessionDep
from app.orders.query import (
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
    # FIX orders-1: the dependency closes its session on every way out.
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
    # FIX orders-2: `async with` closes the session on every way out.
    async with AsyncSession(database.reader) as session:
        page = await session.exec(
            ORDER_PAGE, params={"limit": limit, "after": after}
        )
    return [OrderRead.model_validate(order) for order in page]


@router.post("/orders", status_code=201, responses=problems(400, 413))
async def create_order(
    # FIX orders-3: the dependency closes its session on every way out.
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
    # FIX orders-4: the dependency closes its session on every way out.
    session: ReaderDep,
    order_id: OrderId,
) -> OrderRead:
    """Answer one order."""
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
