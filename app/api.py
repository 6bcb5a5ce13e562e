"""The table of contents: every lesson, and where it is mounted."""

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


def mount(app: FastAPI) -> None:
    """Mount the service, at its own paths and below /after."""
    for lesson in SERVICE:
        for prefix in ("", "/after"):
            _include(app, lesson, "after", prefix)


def hide_lab(app: FastAPI) -> None:
    """Return 404 for a WebSocket's path that would match an order's."""
    for lesson in FURTHER:
        for route in lesson.after.routes:
            if isinstance(route, WebSocketRoute):
                for prefix in ("", "/after"):
                    app.routes.append(Route(prefix + route.path, APIRouter()))


def mount_lab(app: FastAPI) -> None:
    """Mount the further lessons, and every *before*."""
    for lesson in FURTHER:
        for prefix in ("", "/after"):
            _include(app, lesson, "after", prefix)
    for lesson in LESSONS:
        _include(app, lesson, "before", "/before")


def _include(
    app: FastAPI, lesson: Lesson, variant: Variant, prefix: str
) -> None:
    app.include_router(
        lesson.router(variant),
        prefix=prefix,
        tags=[lesson.name],
        responses=problems(422, 503),
    )
