"""Orders, after: every session is closed on every exit path."""

from fastapi import APIRouter
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
    # FIX orders-1: FastAPI closes this session on every exit path.
    # ReaderDep is SessionDep in AUTOCOMMIT mode: faster, not part of the fix.
    session: ReaderDep,
    limit: Limit = 50,
    after: After = 0,
) -> list[OrderRead]:
    """Return one page of orders, oldest first."""
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
    # FIX orders-2: `async with` closes the session on every exit path.
    # `reader` is `engine` in AUTOCOMMIT mode: faster, not part of the fix.
    async with AsyncSession(database.reader) as session:
        page = await session.exec(
            ORDER_PAGE, params={"limit": limit, "after": after}
        )
    return [OrderRead.model_validate(order) for order in page]


@router.post("/orders", status_code=201, responses=problems(400, 413))
async def create_order(
    # FIX orders-3: FastAPI closes this session on every exit path.
    session: SessionDep,
    new: OrderCreate,
) -> OrderRead:
    """Store an order with its items, and return it as stored."""
    order = new.to_order()
    session.add(order)
    await session.commit()
    await session.refresh(order)
    return OrderRead.model_validate(order)


@router.get("/orders/{order_id}", responses=problems(404))
async def get_order(
    # FIX orders-4: FastAPI closes this session on every exit path.
    # ReaderDep is SessionDep in AUTOCOMMIT mode: faster, not part of the fix.
    session: ReaderDep,
    order_id: OrderId,
) -> OrderRead:
    """Return one order."""
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
