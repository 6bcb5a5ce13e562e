"""Auth dependency, after: the session closes before the handler starts."""

from typing import Annotated

from fastapi import APIRouter, Depends
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
from app.lessons.auth_dependency.shared import (
    Customer,
    Offer,
    OrderNumber,
    UnknownGuest,
)
from app.lessons.provider import ProviderDep
from app.orders.shared import ONE_ORDER
from app.web.errors import problems

router = APIRouter()


async def sign_in(
    database: DatabaseDep, order: OrderNumber, customer: Customer
) -> str:
    """Admit a guest who names an order and its customer."""
    # FIX auth_dependency-1: the session closes before the handler starts.
    async with AsyncSession(database.engine) as session:
        found = await session.exec(ONE_ORDER, params={"id": order})
        known = found.one_or_none()
    if known is None or known.customer != customer:
        raise UnknownGuest
    return customer


@router.get("/guests/offers", responses=problems(403, 504))
async def list_offers(
    guest: Annotated[str, Depends(sign_in)], advisor: ProviderDep
) -> list[Offer]:
    """Call the shop's advisor for what a guest might like."""
    await advisor.call()
    return [Offer(customer=guest, product="teapot")]
