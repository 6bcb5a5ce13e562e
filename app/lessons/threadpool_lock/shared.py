"""What both variants share: who may ask, which others have to say."""

from typing import Annotated

from fastapi import Depends

from app.lessons.provider import ProviderDep


async def check_token(keeper: ProviderDep) -> None:
    """Ask whoever keeps the tokens; this one lets everybody in."""
    await keeper.call()


TokenDep = Annotated[None, Depends(check_token)]
