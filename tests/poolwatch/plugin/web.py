"""An application that leaks, and keeps its engine private."""

from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.poolwatch.plugin.shop import ONE, AsyncSession, async_engine

app = FastAPI()


@app.get("/careful")
async def careful() -> int:
    async with AsyncSession(async_engine) as session:
        return int((await session.execute(ONE)).scalar_one())


@app.get("/careless")
async def careless() -> int:
    session = AsyncSession(async_engine)
    return int((await session.execute(ONE)).scalar_one())  # LEAK


def get(path: str) -> object:
    return TestClient(app).get(path).json()
