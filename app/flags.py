"""The variant that serves: one OpenFeature flag a lesson, flagd's format.

flagd's in-process resolver watches `flags.json`, so a change reaches every
worker within two seconds and without a restart. A file that is missing or
broken means *after*, and the log says so once.
"""

import json
import logging
import uuid
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import OpenFeatureError
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus
from openfeature.provider.no_op_provider import NoOpProvider
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.lesson import Lesson, Variant
from app.replace_file import replace_file
from app.web.errors import Problem

logger = logging.getLogger(__name__)

SCHEMA = "https://flagd.dev/schema/v0/flags.json"
POLL_SECONDS = 0.5
"""How often each worker checks whether the file has changed."""

# The resolver logs a broken file at every poll; `Flags` logs it once.
logging.getLogger("openfeature.contrib").setLevel(logging.CRITICAL + 1)


class FlagsFileError(Problem):
    """The flag file is missing, has no flagd format, or is not writable."""

    status = HTTPStatus.CONFLICT
    title = "Flag file unusable"


class Flags:
    """The flags of one application: read by each request, set by the lab."""

    def __init__(self, path: Path) -> None:
        """Set the path; `open` reads the file."""
        self._path = path
        self._domain = f"flags-{uuid.uuid4()}"
        self._client = api.get_client(self._domain)
        self._trusted = True

    def open(self) -> None:
        """Read the file, and watch it for changes."""
        self._client.add_handler(ProviderEvent.PROVIDER_ERROR, self._broken)
        self._client.add_handler(ProviderEvent.PROVIDER_READY, self._mended)
        provider = FlagdProvider(
            resolver_type=ResolverType.FILE,
            offline_flag_source_path=str(self._path),
            deadline_ms=int(POLL_SECONDS * 1000),
        )
        # If the file is missing, `_broken` has logged it; watching continues.
        with suppress(OpenFeatureError):
            api.set_provider_and_wait(provider, self._domain)

    def close(self) -> None:
        """Stop watching the file."""
        self._client.remove_handler(ProviderEvent.PROVIDER_READY, self._mended)
        api.set_provider(NoOpProvider(), self._domain)

    def variant(self, lesson: str, user: str) -> Variant:
        """Return the variant for a client; *after* if the file is unusable."""
        if self._client.get_provider_status() is not ProviderStatus.READY:
            return "after"
        chosen = self._client.get_string_value(
            lesson, "after", EvaluationContext(targeting_key=user)
        )
        return "before" if chosen == "before" else "after"

    def splits(self, lesson: str) -> bool:
        """Whether the variant depends on the client, as with percentages."""
        if self._client.get_provider_status() is not ProviderStatus.READY:
            return False
        details = self._client.get_string_details(
            lesson, "after", EvaluationContext(targeting_key="anybody")
        )
        # DEFAULT: there are rules, but none matches this client.
        return details.reason in {Reason.TARGETING_MATCH, Reason.DEFAULT}

    def read(self) -> dict[str, dict[str, object]]:
        """Return the flags of the file.

        Raises:
            FlagsFileError: the file is missing or broken.

        """
        flags: dict[str, dict[str, object]] = self._document()["flags"]
        return flags

    def write(self, variants: dict[str, Variant]) -> None:
        """Set flags for all clients, in one atomic write.

        It removes percentages of these lessons, and keeps the rest of the
        file. A missing or broken file is replaced.

        Raises:
            FlagsFileError: the file cannot be written, and is unchanged.

        """
        try:
            document = self._document()
        except FlagsFileError:
            document = {"$schema": SCHEMA, "flags": {}}
        for lesson, variant in variants.items():
            document["flags"][lesson] = {
                "state": "ENABLED",
                "variants": {"before": "before", "after": "after"},
                "defaultVariant": variant,
            }
        try:
            replace_file(self._path, json.dumps(document, indent=2))
        except OSError as error:
            message = f"{self._path} cannot be written: {error.strerror}"
            raise FlagsFileError(message) from error

    def _document(self) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(self._path.read_text())
            for flag in document["flags"].values():
                flag.keys()
        except (
            OSError,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
        ) as error:
            message = f"{self._path} is missing or broken"
            raise FlagsFileError(message) from error
        return document

    def _broken(self, details: EventDetails) -> None:
        if self._trusted:
            self._trusted = False
            logger.warning(
                "%s: %s; every lesson serves *after*",
                self._path,
                details.message or "missing or broken",
            )

    def _mended(self, _: EventDetails) -> None:
        if not self._trusted:
            self._trusted = True
            logger.info("%s: read again", self._path)


class FlagMiddleware:
    """Route `/orders` to `/before/orders` if the lesson's flag is *before*.

    It is installed only where the lab is on.
    """

    def __init__(
        self, app: ASGIApp, flags: Flags, lessons: Sequence[Lesson]
    ) -> None:
        """Collect the lessons' routes."""
        self.app = app
        self._flags = flags
        self._routes = [
            (route, lesson.name)
            for lesson in lessons
            for route in lesson.before.routes
        ]

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Change the path of the request if needed."""
        if scope["type"] in {"http", "websocket"}:
            lesson = self._lesson_of(scope)
            if (
                lesson
                and self._flags.variant(lesson, _user(scope)) == "before"
            ):
                scope["path"] = "/before" + scope["path"]
        await self.app(scope, receive, send)

    def _lesson_of(self, scope: Scope) -> str | None:
        for route, lesson in self._routes:
            if route.matches(scope)[0] is Match.FULL:
                return lesson
        return None


def _user(scope: Scope) -> str:
    """Return the client's id, or a random one for a request without."""
    return Headers(scope=scope).get("x-user-id") or str(uuid.uuid4())
