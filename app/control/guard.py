"""Who may use the lab's endpoints: those who know its token."""

import secrets
from http import HTTPStatus
from typing import Annotated, ClassVar

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.database.sessions import DatabaseDep
from app.web.errors import Problem


class Unauthorized(Problem):
    """The lab's control endpoints want its token."""

    status = HTTPStatus.UNAUTHORIZED
    title = "Unauthorized"
    headers: ClassVar = {"WWW-Authenticate": "Bearer"}

    def __init__(self) -> None:
        """Say which token."""
        super().__init__("Send the lab's token: Authorization: Bearer …")


bearer = HTTPBearer(auto_error=False, description="The lab's token.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


async def guard(given: Credentials, database: DatabaseDep) -> None:
    """Let only those in who know the lab's token."""
    wanted = database.settings.lab_token
    if (
        given is None
        or wanted is None
        or not secrets.compare_digest(
            given.credentials.encode(), wanted.get_secret_value().encode()
        )
    ):
        raise Unauthorized
