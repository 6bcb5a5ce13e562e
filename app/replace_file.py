"""Write a file in one step: a reader sees the old one or the new, whole."""

from pathlib import Path
from tempfile import NamedTemporaryFile


def replace_file(path: Path, text: str) -> None:
    """Put a text file, readable for all, in the place of what is there.

    Raises:
        OSError: it could not be written; what was there is untouched.

    """
    with NamedTemporaryFile("w", dir=path.parent, delete=False) as new:
        temporary = Path(new.name)
        try:
            new.write(text + "\n")
            new.close()
            temporary.chmod(0o644)  # a temporary file is its owner's alone
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
