"""Where the unix sockets of the embedded servers live.

The kernel takes paths of about a hundred characters, PostgreSQL takes a comma for the end of a path, and in a URL many
more characters mean something.
"""

import hashlib
import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from app.errors import SetupError

LONGEST_PATH = 100
"""The kernel's own limits are 108 bytes on Linux and 104 on macOS, the closing NUL included."""
PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


def socket_folder(preferred: Path, file_name: str) -> Path:
    """Return *preferred*, or a short private folder standing in for it when *file_name* in it is no path for a socket.

    The stand-in has the same name at every start, so none is left behind by a process that was killed.
    """
    path = str(preferred / file_name)
    if len(path) <= LONGEST_PATH and PLAIN.fullmatch(path):
        return preferred
    digest = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:12]
    short = Path(tempfile.gettempdir(), f"mergelane-{digest}")
    short.mkdir(mode=0o700, exist_ok=True)
    return short


def remove_stand_in(folder: Path, preferred: Path) -> None:
    """Remove *folder* when it stands in for *preferred* and is empty."""
    if folder != preferred:
        with suppress(OSError):
            folder.rmdir()


def refuse_foreign_folder(folder: Path, owner: int) -> None:
    """Raise SetupError unless *folder* is a real folder that belongs to the user id *owner* alone.

    The temporary folder is open to everyone, so the stand-in may have been laid there by somebody else.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) & 0o077:
        message = f"The folder {folder} is not private to this user. Remove it, or choose a shorter --home."
        raise SetupError(message)
