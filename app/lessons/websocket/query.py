"""What both variants share: what goes over the WebSocket."""

from collections.abc import AsyncIterator

from fastapi import WebSocket, WebSocketException, status
from pydantic import BaseModel, Field, ValidationError

from app.orders.query import LARGEST_ID


class Question(BaseModel):
    """Which order the client wants to hear of."""

    order_id: int = Field(ge=1, le=LARGEST_ID)


async def questions(socket: WebSocket) -> AsyncIterator[Question]:
    """Read what the client asks, until it goes.

    Raises:
        WebSocketException: it asks something else.

    """
    async for text in socket.iter_text():
        try:
            question = Question.model_validate_json(text)
        except ValidationError as wrong:
            raise WebSocketException(
                status.WS_1007_INVALID_FRAME_PAYLOAD_DATA
            ) from wrong
        yield question
