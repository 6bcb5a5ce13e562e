"""Write a file in one step: a reader sees the old one or the new, whole."""

from pathlib import Path
from tempfile import NamedTemporaryFile


def replace_file(path: Path, text: str) -> None:
    """Write a text file that everybody may read, or replace the old one.

    Raises:
        OSError: it could not be written. The old file is unchanged.

    """
    with NamedTemporaryFile("w", dir=path.parent, delete=False) as new:
        temporary = Path(new.name)
        try:
            new.write(text + "\n")
            new.close()
            temporary.chmod(0o644)  # else only its owner may read it
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
