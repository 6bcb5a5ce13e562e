"""What is known when a finding is to be explained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from app.control.exercise_file import file_of
from app.lesson import Lesson
from lab.workshop.exercise import exercise_of
from lab.workshop.source import Source


@dataclass(frozen=True, slots=True)
class Clues:
    """A trainee's file beside what was handed out, and what it has done."""

    lesson: Lesson
    text: str
    source: Source
    original: Source
    faults: Mapping[str, int] = field(default_factory=dict)
    """How often each scenario had its fault."""

    @classmethod
    def of(cls, lesson: Lesson) -> Self:
        """Read the file.

        Raises:
            SyntaxError: it is not Python.

        """
        text, original = file_of(lesson).read_text(), exercise_of(lesson).text
        return cls(lesson, text, Source(text), Source(original))

    @property
    def unchanged(self) -> bool:
        """Whether it is as it was handed out."""
        return self.text == exercise_of(self.lesson).text

    @property
    def is_outdated(self) -> bool:
        """Whether the file has become another one meanwhile."""
        return file_of(self.lesson).read_text() != self.text

    @property
    def partly_healed(self) -> bool:
        """Whether some of what leaked *before* does not any more."""
        leaky = [s.name for s in self.lesson.scenarios if s.leaks]
        counts = [self.faults.get(name, 0) for name in leaky]
        return 0 in counts and any(counts)

    def adds(self, *calls: str) -> bool:
        """Whether one of these is called, and was not before."""
        return self.source.calls(*calls) and not self.original.calls(*calls)

    def sets(self, argument: str) -> bool:
        """Whether an argument is given a value that it did not have."""
        return bool(
            self.source.values(argument) - self.original.values(argument)
        )
