"""Shared by both variants: the dependency that checks a token."""

from typing import Annotated

from fastapi import Depends

from app.lessons.provider import ProviderDep


async def check_token(keeper: ProviderDep) -> None:
    """Call the token service, which accepts every client."""
    await keeper.call()


TokenDep = Annotated[None, Depends(check_token)]
