"""The Dockerfile, instruction by instruction."""

import re
from pathlib import Path

PATH = Path("Dockerfile")
# Without comments, each instruction on one line.
_TEXT = re.sub(r"(?m)^#.*\n|\\\n", "", PATH.read_text())


def instructions(name: str) -> list[str]:
    """Answer what the instructions of this name say, in their order."""
    return re.findall(rf"(?m)^{name} +(.+)", _TEXT)


def environment() -> dict[str, str]:
    """Answer the variables that the image sets."""
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(instructions("ENV"))))


def stages() -> dict[str, str]:
    """Say what each stage is made from, by its name."""
    pairs = [it.split(" AS ") for it in instructions("FROM")]
    return {name: source for source, name in pairs}
