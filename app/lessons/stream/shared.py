"""Shared by both variants: the type of the response."""

from fastapi.responses import StreamingResponse


class EventStream(StreamingResponse):
    """Server-sent events, which a browser reads with `EventSource`."""

    media_type = "text/event-stream"
