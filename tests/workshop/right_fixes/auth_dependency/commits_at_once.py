"""A commit() right after the query."""

from typing import Annotated

from fastapi import APIRouter, Depends

from app.database.sessions import SessionDep
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
    session: SessionDep, order: OrderNumber, customer: Customer
) -> str:
    """Let in who knows an order's number and its customer."""
    found = await session.exec(ONE_ORDER, params={"id": order})
    known = found.one_or_none()
    await session.commit()
    if known is None or known.customer != customer:
        raise UnknownGuest
    return customer


@router.get("/guests/offers", responses=problems(403, 504))
async def list_offers(
    guest: Annotated[str, Depends(sign_in)], advisor: ProviderDep
) -> list[Offer]:
    """Ask the shop's advisor what a guest might like."""
    await advisor.call()
    return [Offer(customer=guest, product="teapot")]
