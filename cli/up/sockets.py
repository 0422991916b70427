"""Ports and unix sockets of `mergelane up`.

The kernel limits the path of a socket to about a hundred characters, PostgreSQL ends a path at a comma, and a URL gives
more characters a meaning. A folder with such a path is replaced by a short private one.
"""

import contextlib
import hashlib
import os
import re
import socket
import stat
import tempfile
from pathlib import Path

from app.errors import SetupError
from schemas.text import quoted

MAX_PATH = 100
"""The kernel allows 108 bytes on Linux and 104 on macOS, including the closing NUL."""
PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


def require_free_port(host: str, port: int, option: str) -> None:
    """Raise SetupError, with the *option* of the command line, when *port* of *host* is not free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with contextlib.closing(socket.socket(family, kind, protocol)) as probe:
            # As the servers do, so that half-closed connections of an earlier process do not block the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except UnicodeError:  # of the codec for host names
        raise SetupError(f"{quoted(host)!r} is no host name or address. Choose another with --host.") from None
    except OSError as error:
        message = f"Cannot listen on {host} port {port}: {error.strerror}. Choose another with {option}."
        raise SetupError(message) from None


def socket_folder(preferred: Path, file_name: str) -> Path:
    """Return *preferred*, or a short private folder if the path of *file_name* in it is not usable for a socket.

    The short folder has the same name at every start, so a killed process leaves at most one.
    """
    path = str(preferred / file_name)
    if len(path) <= MAX_PATH and PLAIN.fullmatch(path):
        return preferred
    digest = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:12]
    short = Path(tempfile.gettempdir(), f"mergelane-{digest}")
    short.mkdir(mode=0o700, exist_ok=True)
    return short


def remove_short_folder(folder: Path, preferred: Path) -> None:
    """Remove *folder* if it replaces *preferred* and is empty."""
    if folder != preferred:
        with contextlib.suppress(OSError):
            folder.rmdir()


def require_private_folder(folder: Path, owner: int) -> None:
    """Raise SetupError unless *folder* is a real folder that only the user id *owner* can use.

    Every user may write to the temporary folder, so another user may have created the short folder.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) & 0o077:
        message = f"The folder {folder} is not private to this user. Remove it, or choose a shorter --home."
        raise SetupError(message)
