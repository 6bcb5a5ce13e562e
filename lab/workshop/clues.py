"""Facts about a trainee's file that explain a flaw."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from app.control.exercise_file import file_of
from app.lesson import Lesson
from lab.workshop.exercise import exercise_of
from lab.workshop.parsed_file import ParsedFile


@dataclass(frozen=True, slots=True)
class Clues:
    """The file beside the exercise as it was handed out, and its faults."""

    lesson: Lesson
    text: str
    parsed: ParsedFile
    original: ParsedFile
    faults: Mapping[str, int] = field(default_factory=dict)
    """How often each scenario had its fault."""

    @classmethod
    def of(cls, lesson: Lesson) -> Self:
        """Read the file.

        Raises:
            SyntaxError: it is not Python.

        """
        text, original = file_of(lesson).read_text(), exercise_of(lesson).text
        return cls(lesson, text, ParsedFile(text), ParsedFile(original))

    @property
    def unchanged(self) -> bool:
        """Whether the file is as it was handed out."""
        return self.text == exercise_of(self.lesson).text

    @property
    def is_outdated(self) -> bool:
        """Whether the file was saved again during the check."""
        return file_of(self.lesson).read_text() != self.text

    @property
    def partly_fixed(self) -> bool:
        """Whether some scenarios that leaked *before* no longer leak."""
        leaky = [s.name for s in self.lesson.scenarios if s.leaks]
        counts = [self.faults.get(name, 0) for name in leaky]
        return 0 in counts and any(counts)

    def adds(self, *calls: str) -> bool:
        """Whether the trainee added one of these calls."""
        return self.parsed.calls(*calls) and not self.original.calls(*calls)

    def sets(self, argument: str) -> bool:
        """Whether the trainee gave an argument another value."""
        return bool(
            self.parsed.values(argument) - self.original.values(argument)
        )

    @property
    def unbounded_waits(self) -> list[int]:
        """Lines that acquire a connection and may wait for it forever."""
        return self.parsed.lines_without("timeout", "pool.acquire")
