"""The table of contents: every lesson, and where it is mounted."""

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI
from starlette.routing import Route, WebSocketRoute

from app import analytics, order_processor, orders
from app.lesson import Lesson, Variant
from app.lessons import (
    auth_dependency,
    background_task,
    dependency_by_hand,
    engine_per_request,
    fire_and_forget,
    kept_session,
    nested_session,
    row_lock,
    scoped_session,
    slow_call,
    stream,
    sync_in_async,
    threadpool_lock,
    websocket,
)
from app.web.errors import problems

SERVICE = (orders.lesson, analytics.lesson, order_processor.lesson)
"""The write-up's three lessons; their *after* is the order service."""
FURTHER = (
    slow_call.lesson,
    auth_dependency.lesson,
    background_task.lesson,
    stream.lesson,
    websocket.lesson,
    fire_and_forget.lesson,
    kept_session.lesson,
    nested_session.lesson,
    scoped_session.lesson,
    sync_in_async.lesson,
    threadpool_lock.lesson,
    engine_per_request.lesson,
    dependency_by_hand.lesson,
    row_lock.lesson,
)
"""Further lessons, mounted only where the lab is on."""
LESSONS = SERVICE + FURTHER


def folder(lesson: Lesson) -> str:
    """Return the folder of a lesson, relative to the project."""
    return f"{'app' if lesson in SERVICE else 'app/lessons'}/{lesson.name}"


def _router(
    lessons: Iterable[Lesson], variant: Variant, *prefixes: str
) -> APIRouter:
    """Include one variant of these lessons below each prefix."""
    router = APIRouter()
    for lesson in lessons:
        for prefix in prefixes:
            router.include_router(
                lesson.router(variant),
                prefix=prefix,
                tags=[lesson.name],
                responses=problems(422, 503),
            )
    return router


# Made once and shared by all apps: at the first request to such a router,
# FastAPI takes 50 ms to build what serves its routes.
_SERVICE = _router(SERVICE, "after", "", "/after")
_FURTHER = _router(FURTHER, "after", "", "/after")
_BEFORE = _router(LESSONS, "before", "/before")


def mount(app: FastAPI) -> None:
    """Mount the service, at its own paths and below /after."""
    app.routes.extend(_SERVICE.routes)


def hide_lab(app: FastAPI) -> None:
    """Return 404 for a WebSocket's path that would match an order's."""
    for lesson in FURTHER:
        for route in lesson.after.routes:
            if isinstance(route, WebSocketRoute):
                for prefix in ("", "/after"):
                    app.routes.append(Route(prefix + route.path, APIRouter()))


def mount_lab(app: FastAPI) -> None:
    """Mount the further lessons, and every *before*."""
    app.routes.extend(_FURTHER.routes)
    app.routes.extend(_BEFORE.routes)
