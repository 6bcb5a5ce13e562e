"""The lab's endpoints require its token."""

import secrets
from http import HTTPStatus
from typing import Annotated, ClassVar

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.database.sessions import DatabaseDep
from app.web.errors import Problem


class Unauthorized(Problem):
    """The request has no valid token."""

    status = HTTPStatus.UNAUTHORIZED
    title = "Unauthorized"
    headers: ClassVar = {"WWW-Authenticate": "Bearer"}

    def __init__(self) -> None:
        """Name the header to send."""
        super().__init__("Send the lab's token: Authorization: Bearer …")


bearer = HTTPBearer(auto_error=False, description="The lab's token.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


async def guard(given: Credentials, database: DatabaseDep) -> None:
    """Refuse a request without the lab's token."""
    wanted = database.settings.lab_token
    if (
        given is None
        or wanted is None
        or not secrets.compare_digest(
            given.credentials.encode(), wanted.get_secret_value().encode()
        )
    ):
        raise Unauthorized
