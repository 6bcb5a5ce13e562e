"""Shared by both variants: the messages of the WebSocket."""

from collections.abc import AsyncIterator

from fastapi import WebSocket, WebSocketException, status
from pydantic import BaseModel, Field, ValidationError

from app.orders.shared import LARGEST_ID


class Question(BaseModel):
    """A message from the client: which order it is about."""

    order_id: int = Field(ge=1, le=LARGEST_ID)


async def questions(socket: WebSocket) -> AsyncIterator[Question]:
    """Yield each message, until the client disconnects.

    Raises:
        WebSocketException: a message is not valid.

    """
    try:
        async for text in socket.iter_text():
            yield Question.model_validate_json(text)
    except (ValidationError, KeyError) as wrong:  # a binary frame has no text
        raise WebSocketException(
            status.WS_1007_INVALID_FRAME_PAYLOAD_DATA,
            'Ask like this: {"order_id": 1}',
        ) from wrong
