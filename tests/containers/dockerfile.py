"""The Dockerfile, instruction by instruction."""

import re
from pathlib import Path

PATH = Path("Dockerfile")
# Without comments, each instruction on one line.
_TEXT = re.sub(r"(?m)^#.*\n|\\\n", "", PATH.read_text())


def instructions(name: str) -> list[str]:
    """Return the arguments of all instructions of this name, in order."""
    return re.findall(rf"(?m)^{name} +(.+)", _TEXT)


def environment() -> dict[str, str]:
    """Return the variables that the image sets."""
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(instructions("ENV"))))


def stages() -> dict[str, str]:
    """Return the base of each stage, by the name of the stage."""
    pairs = [it.split(" AS ") for it in instructions("FROM")]
    return {name: source for source, name in pairs}
