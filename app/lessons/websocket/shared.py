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
    try:
        async for text in socket.iter_text():
            yield Question.model_validate_json(text)
    except (ValidationError, KeyError) as wrong:  # a binary frame has no text
        raise WebSocketException(
            status.WS_1007_INVALID_FRAME_PAYLOAD_DATA,
            'Ask like this: {"order_id": 1}',
        ) from wrong
