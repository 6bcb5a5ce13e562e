"""Auth dependency, before: signing in keeps its session until the end."""

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
    """Admit a guest who names an order and its customer."""
    # LEAK auth_dependency-1: the session stays open until the handler ends.
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
