"""The app with which `bench` compares the fixed routes.

`/raw` is the least work: one statement on an asyncpg pool, its rows made
bytes, without session, model or metrics. `/fix` is the write-up's own fix
in a safe form: `def` in place of `async def`, in which its `Session` blocks
the event loop once the pool is empty. For analytics its fix is an asyncpg
pool. `/healthz` does nothing.

Parameters, responses and pool sizes are the service's own.
"""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, TypedDict

import asyncpg
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import HTTPException
from pydantic_core import to_json
from sqlalchemy import Engine
from sqlmodel import Session, col, create_engine, select

from app.analytics.shared import METRICS_SINCE, Day, Since
from app.database.models import Order, OrderItem, OrderStatus
from app.order_processor.shared import ProcessedOrder
from app.orders.shared import After, Limit, OrderCreate, OrderId, OrderRead
from app.settings import Settings

ORDER = "id, customer, status, total, created_at"
ORDER_PAGE = f"SELECT {ORDER} FROM orders WHERE id > $2 ORDER BY id LIMIT $1"  # noqa: S608 - a constant of ours
ONE_ORDER = f"SELECT {ORDER} FROM orders WHERE id = $1"  # noqa: S608 - the same
CREATE_ORDER = f"""
WITH new AS (
    INSERT INTO orders (customer) VALUES ($1) RETURNING {ORDER}
), items AS (
    INSERT INTO order_items (order_id, product, price, quantity)
    SELECT new.id, item.product, item.price, item.quantity
    FROM new, json_to_recordset($2)
        AS item (product text, price numeric, quantity int)
)
SELECT {ORDER} FROM new
"""  # noqa: S608 - the same
PROCESS_ORDER = """
UPDATE orders SET status = 'processed', total = (
    SELECT sum(price * quantity) FROM order_items WHERE order_id = $1
) WHERE id = $1 RETURNING id, status, total
"""


class BaselineState(TypedDict):
    """What the lifespan gives to every request, as `request.state`."""

    pool: asyncpg.Pool
    engine: Engine


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[BaselineState]:
    """Open both pools with the service's settings."""
    settings = Settings()
    engine = create_engine(
        settings.psycopg_url,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout,
        pool_recycle=settings.pool_recycle,
        pool_pre_ping=True,
        connect_args={"connect_timeout": int(settings.connect_timeout)},
    )
    async with asyncpg.create_pool(
        settings.dsn,
        min_size=settings.pool_min_size,
        max_size=settings.pool_size,
        max_inactive_connection_lifetime=settings.pool_idle_lifetime,
        timeout=settings.connect_timeout,
        command_timeout=settings.statement_timeout,
    ) as pool:
        yield {"pool": pool, "engine": engine}
    engine.dispose()


async def get_pool(request: Request) -> asyncpg.Pool:
    """Give the open pool to a handler."""
    return request.state.pool  # type: ignore[no-any-return]


def get_session(request: Request) -> Iterator[Session]:
    """Open a session with automatic cleanup: the write-up's option 1."""
    with Session(request.state.engine) as session:
        yield session


PoolDep = Annotated[asyncpg.Pool, Depends(get_pool)]
SessionDep = Annotated[Session, Depends(get_session)]

raw = APIRouter(prefix="/raw")
fix = APIRouter(prefix="/fix")


@raw.get("/orders")
async def raw_page(
    pool: PoolDep, limit: Limit = 50, after: After = 0
) -> Response:
    """Return a page of orders."""
    return _rows(await pool.fetch(ORDER_PAGE, limit, after))


@raw.post("/orders")
async def raw_create(pool: PoolDep, new: OrderCreate) -> Response:
    """Store an order with its items."""
    items = json.dumps([item.model_dump(mode="json") for item in new.items])
    return _row(await pool.fetchrow(CREATE_ORDER, new.customer, items), 201)


@raw.get("/orders/{order_id}")
async def raw_order(pool: PoolDep, order_id: OrderId) -> Response:
    """Return one order."""
    return _row(await pool.fetchrow(ONE_ORDER, order_id))


@raw.post("/orders/{order_id}/process")
async def raw_process(pool: PoolDep, order_id: OrderId) -> Response:
    """Sum the items, store the sum and the status."""
    return _row(await pool.fetchrow(PROCESS_ORDER, order_id))


@raw.get("/analytics")
async def raw_analytics(pool: PoolDep, since: Since) -> Response:
    """Return the shop's figures day by day."""
    return _rows(await pool.fetch(METRICS_SINCE, since))


def _rows(rows: Sequence[asyncpg.Record]) -> Response:
    body = to_json([dict(row) for row in rows])
    return Response(body, media_type="application/json")


def _row(row: asyncpg.Record | None, status: int = 200) -> Response:
    if row is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return Response(to_json(dict(row)), status, media_type="application/json")


@fix.get("/orders", response_model=list[OrderRead])
def get_orders(
    session: SessionDep, limit: Limit = 50, after: After = 0
) -> Sequence[Order]:
    """Return a page of orders."""
    page = select(Order).where(col(Order.id) > after)
    return session.exec(page.order_by(col(Order.id)).limit(limit)).all()


@fix.post("/orders", status_code=201, response_model=OrderRead)
def create_order(session: SessionDep, new: OrderCreate) -> Order:
    """Store an order with its items."""
    order = new.to_order()
    session.add(order)
    session.commit()
    session.refresh(order)
    return order


@fix.get("/orders/{order_id}", response_model=OrderRead)
def get_order(session: SessionDep, order_id: OrderId) -> Order:
    """Return one order."""
    order = session.get(Order, order_id)
    if not order:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return order


@fix.post("/orders/{order_id}/process", response_model=ProcessedOrder)
def process_order(session: SessionDep, order_id: OrderId) -> Order:
    """Load the order and its items, sum in Python, store, refresh."""
    order = session.get(Order, order_id)
    if not order:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    items = session.exec(
        select(OrderItem).where(OrderItem.order_id == order_id)
    ).all()
    order.total = sum(
        (item.price * item.quantity for item in items), Decimal()
    )
    order.status = OrderStatus.PROCESSED
    session.add(order)
    session.commit()
    session.refresh(order)
    return order


@fix.get("/analytics", response_model=list[Day])
async def get_analytics(pool: PoolDep, since: Since) -> list[dict[str, Any]]:
    """Return the shop's figures day by day, over asyncpg as published."""
    async with pool.acquire() as connection:
        days = await connection.fetch(METRICS_SINCE, since)
    return [dict(day) for day in days]


def create_app() -> FastAPI:
    """Make the app of the baselines, for uvicorn."""
    app = FastAPI(lifespan=lifespan)
    app.include_router(raw)
    app.include_router(fix)

    @app.get("/healthz")
    async def nothing() -> Response:
        return Response()

    return app
