"""The operating system's account that the embedded server runs as.

PostgreSQL does not run as root. For root it runs as the owner of the data
folder, or of the folder in which it makes the data folder. So a command that
root runs in a user's checkout leaves files that the user can use.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

ROOT = 0
NOBODY = "nobody"
"""Runs the server in a folder of root's; every Unix has this account."""


class EmbeddedServerError(ChildProcessError):
    """The embedded server cannot run; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user, and what root does in its place."""

    uid: int
    gid: int

    @property
    def is_another(self) -> bool:
        """Whether this process is root, and acts for another user."""
        return self.uid != os.geteuid()

    @property
    def subprocess_arguments(self) -> dict[str, Any]:
        """Run a child process as this user."""
        if not self.is_another:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give the user a file or a folder that root has made."""
        if self.is_another:
            os.chown(path, self.uid, self.gid)

    def make_folder(self, folder: Path) -> None:
        """Make a folder of the user's own, unless it exists."""
        try:
            folder.mkdir()
        except FileExistsError:
            return
        self.own(folder)

    def enter(self, folder: Path) -> None:
        """Let the user pass through root's own folders, but not list them."""
        if not self.is_another:
            return
        for parent in folder.parents:
            found = parent.stat()
            if found.st_uid == ROOT and not found.st_mode & stat.S_IXOTH:
                parent.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)

    def open_lock(self, path: Path) -> BinaryIO:
        """Open a file to be locked, which the user can open as well."""
        number = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
        self.own(path)
        return os.fdopen(number, "rb")


def account_for(data: Path) -> Account:
    """Choose the account for a data folder.

    Raises:
        EmbeddedServerError: the folder belongs to another user, or to one
            that has no account on this machine.

    """
    folder = next(each for each in (data, *data.parents) if each.exists())
    owner = folder.stat().st_uid
    us = os.geteuid()
    try:
        if us == ROOT:
            found = (
                pwd.getpwnam(NOBODY) if owner == ROOT else pwd.getpwuid(owner)
            )
            return Account(found.pw_uid, found.pw_gid)
    except KeyError as error:
        message = (
            f"{folder} belongs to user {owner}, who has no account on this"
            " machine, and PostgreSQL does not run as root: set DATABASE_URL"
        )
        raise EmbeddedServerError(message) from error
    if folder == data and owner != us:
        message = (
            f"{data} belongs to another user (id {owner}): delete it, run the"
            " command as that user, or set DATABASE_URL"
        )
        raise EmbeddedServerError(message)
    return Account(us, os.getegid())
