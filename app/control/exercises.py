"""Serve the trainees' files as they are now, at `/exercise/LESSON/…`.

Each request reads the file, and loads it again if its text has changed. So a
trainee only needs to save it. Clients on this machine need no token, because a
trainee's curl sends none.
"""

import logging
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from app.control.exercise_file import file_of, fingerprint_of
from app.control.guard import Credentials, bearer, guard
from app.invocation import LAB
from app.lesson import Lesson
from app.web.errors import Problem, problems
from app.web.responses import response_of

logger = logging.getLogger(__name__)


async def guard_exercises(
    connection: HTTPConnection, given: Credentials
) -> None:
    """Require the lab's token from clients on other machines."""
    client = connection.client
    if client is None or not ip_address(client.host).is_loopback:
        await guard(given, connection.state.database)


class NotStarted(Problem):
    """There is no such exercise, or it was not started."""

    status = HTTPStatus.NOT_FOUND
    title = "Exercise not started"


class BrokenFile(Problem):
    """The file cannot be loaded; `line` is a line of the file."""

    title = "Exercise broken"


class ServedFile(BaseModel):
    """The path of the file that is served."""

    file: Path = Field(description="Relative to the service's folder.")
    fingerprint: str = Field(description="A hash of the file's absolute path.")


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The text of a file, and the routes that it defines."""

    text: str
    routes: APIRouter


class Exercises:
    """Loads exercises, and passes requests to their routes.

    Lives as long as the service. It keeps a loaded file until its text has
    changed, or until `forget` is called.
    """

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        """Accept these lessons; read no file yet."""
        self._lessons = {lesson.name: lesson for lesson in lessons}
        self._loaded: dict[str, _Loaded] = {}
        self._reported: dict[str, str] = {}
        """The text of each broken file when the log reported it."""

    def router(self) -> APIRouter:
        """Return the routes that pass requests to a file's routes."""
        path = "/exercise/{lesson}/{rest:path}"
        return APIRouter(
            routes=[Route(path, self), WebSocketRoute(path, self)]
        )

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Load the file if needed, and let its routes respond."""
        connection = HTTPConnection(scope)
        try:
            given = await bearer(connection)
            await guard_exercises(connection, given)
            _, routes = self.load(connection.path_params["lesson"])
        except Problem as problem:
            if scope["type"] == "http":
                raise
            socket = WebSocket(scope, receive, send)
            await socket.send_denial_response(response_of(problem))
            return
        await routes(scope, receive, send)

    def load(self, name: str) -> tuple[Path, APIRouter]:
        """Return the path of a lesson's file, and its routes as it is now.

        Raises:
            NotStarted: there is no such lesson, or no file.
            BrokenFile: it cannot be loaded.

        """
        if name not in self._lessons:
            raise NotStarted(f"There is no lesson {name!r}.")
        file = file_of(self._lessons[name]).absolute()
        try:
            text = file.read_text()
        except FileNotFoundError:
            raise NotStarted(f"Type: {LAB} workshop start {name}") from None
        except (OSError, ValueError) as error:
            what = getattr(error, "strerror", None) or error
            message = f"{_shown(file)}: {what}"
            raise BrokenFile(message, **_named(file)) from error
        loaded = self._loaded.get(name)
        if loaded is None or loaded.text != text:
            routes = APIRouter()
            try:
                routes.include_router(
                    _run(name, file, text), prefix=f"/exercise/{name}"
                )
            except BrokenFile as error:
                self._report(name, text, error)
                raise
            loaded = self._loaded[name] = _Loaded(text, routes)
        return file, loaded.routes

    def _report(self, name: str, text: str, error: BrokenFile) -> None:
        """Log a broken file once for each text, not for each request."""
        if self._reported.get(name) != text:
            self._reported[name] = text
            logger.warning("%s", error)

    def forget(self) -> None:
        """Unload all files, and free what their globals keep."""
        for name in self._loaded:
            del sys.modules[_module_name(name)]
        self._loaded.clear()


def _run(name: str, file: Path, text: str) -> APIRouter:
    """Run a file's text as a module, and return its router."""
    module = ModuleType(_module_name(name))
    module.__file__ = str(file)
    # pydantic and dataclasses look up the names in annotations there.
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, file, "exec"), vars(module))  # noqa: S102 - the trainee's own
        router = module.router
    except (Exception, SystemExit) as error:
        raise _broken(file, error) from error
    if not isinstance(router, APIRouter):
        message = f"{_shown(file)}: `router` is no APIRouter"
        raise BrokenFile(message, **_named(file))
    return router


def _broken(file: Path, error: BaseException) -> BrokenFile:
    """Describe the error, and name the file's line."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        line, what = error.lineno, error.msg
    else:
        trace = traceback.extract_tb(error.__traceback__)
        lines = [each.lineno for each in trace if each.filename == str(file)]
        line, what = lines[-1] if lines else None, str(error)
    where = f"{_shown(file)}:{line}" if line else _shown(file)
    return BrokenFile(
        f"{where}: {type(error).__name__}: {what}",
        line=line,
        **_named(file),
    )


def _named(file: Path) -> dict[str, str]:
    """Name the file as `ServedFile` does, so that `start` knows it."""
    return {"file": _shown(file), "fingerprint": fingerprint_of(file)}


def _shown(file: Path) -> str:
    return "/".join(file.parts[-2:])


def _module_name(name: str) -> str:
    return f"workshop.{name}"


async def respond_broken(_: Request, error: BrokenFile) -> JSONResponse:
    """Return the problem without a log line: `load` has logged it."""
    return response_of(error)


async def get_exercises(request: Request) -> Exercises:
    """Return the exercises of this service."""
    return request.state.lab.exercises  # type: ignore[no-any-return]


ExercisesDep = Annotated[Exercises, Depends(get_exercises)]

router = APIRouter(tags=["lab"])


@router.get(
    "/exercise/{lesson}",
    dependencies=[Depends(guard_exercises)],
    responses=problems(401, 404, 422, 500),
)
async def read_exercise(lesson: str, exercises: ExercisesDep) -> ServedFile:
    """Return the path of the file, if it can be loaded."""
    file, _ = exercises.load(lesson)
    return ServedFile(
        file=Path(_shown(file)), fingerprint=fingerprint_of(file)
    )
