"""A small service with a leak, watched: see `docs/your-service.md`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
from fastapi import FastAPI, HTTPException, Request

import poolwatch
from poolwatch.pages.process import ThisProcess
from poolwatch.pages.router import router

CUSTOMER = "SELECT customer FROM orders WHERE id = $1"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, asyncpg.Pool]]:
    """Open the pool, and close it in bounded time."""
    pool = await asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=1, max_size=3
    )
    poolwatch.watch(pool, "shop")
    try:
        yield {"pool": pool}
    finally:
        # It waits for every loan; cancelled, it terminates the pool.
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await pool.close()


app = FastAPI(lifespan=lifespan)
app.add_middleware(poolwatch.Middleware)
process = ThisProcess()
app.include_router(router(lambda: process))


@app.get("/customers/{order_id}")
async def customer_of(order_id: int, request: Request) -> str:
    """Return the customer of an order."""
    pool: asyncpg.Pool = request.state.pool
    connection = await pool.acquire(timeout=1)
    customer: str | None = await connection.fetchval(CUSTOMER, order_id)
    if customer is None:
        raise HTTPException(404)
    await pool.release(connection)
    return customer
