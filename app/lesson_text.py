"""Read and check a lesson's text: the file `lesson.toml` in its folder."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    StrictBool,
    StringConstraints,
    ValidationError,
)

Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1),
    AfterValidator(lambda text: " ".join(text.split())),
]
"""One paragraph; a line break in the file counts as a space."""


class Cure(BaseModel, extra="forbid", frozen=True):
    """A change that works, and the reason why."""

    what: Text
    why: Text


class Trap(BaseModel, extra="forbid", frozen=True):
    """A popular fix that does not help, and the reason why not."""

    what: Text
    why: Text
    settings: dict[str, str] = {}
    """The service's environment, if the fix is a setting."""
    collects: StrictBool = False
    """Whether the fix is to run the garbage collector after requests."""


class LessonText(BaseModel, extra="forbid"):
    """What `lesson.toml` contains, and no other key."""

    title: Text
    story: Text
    hints: tuple[Text, Text, Text]
    mistake: Text
    cure: Text
    alternative_cure: Cure
    trap: Trap


class LessonTextError(ValueError):
    """A `lesson.toml` is missing, is no TOML, or has a wrong key or value."""


def text_beside(module: str) -> dict[str, Any]:
    """Read the `lesson.toml` beside a module's file, as fields of `Lesson`.

    Raises:
        LessonTextError: its message names the file and every fault.

    """
    file = Path(module).with_name("lesson.toml")
    try:
        text = tomllib.loads(file.read_text(encoding="utf-8"))
        return dict(LessonText.model_validate(text))
    except ValidationError as invalid:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in invalid.errors()
        )
    except (OSError, ValueError) as unreadable:
        faults = str(unreadable)
    raise LessonTextError(f"{file}: {faults}")
