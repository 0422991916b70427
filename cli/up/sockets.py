"""Ports and unix sockets of `mergelane up`.

The kernel limits the path of a socket to about a hundred characters, PostgreSQL ends a path at a comma, and a URL gives
more characters a meaning. A folder with such a path is replaced by a short private one.
"""

import contextlib
import hashlib
import os
import re
import socket
from pathlib import Path

from app.errors import SetupError
from cli.up.safe_folders import require_safe_parent, temporary_folder
from schemas.text import quoted

MAX_PATH = 100
"""The kernel allows 108 bytes on Linux and 104 on macOS, including the closing NUL."""
UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


def require_usable_port(host: str, port: int, option: str, *, user: str | None = None) -> None:
    """Raise SetupError, with the *option* of the command line, unless *user* can listen on *port* of *host*."""
    if user is not None and port < _first_unprivileged_port():
        raise SetupError(
            f"Only root can listen on port {port}, and the processes run as the user {user}. Choose another with"
            f" {option}, and forward the port to it."
        )
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
    """Return *preferred*, or a short folder if the path of *file_name* in it is not usable for a socket.

    The short folder has the same name at every start, so a killed process leaves at most one. The caller creates it.

    Raises SetupError when this process is root and another user could replace the short folder.
    """
    path = str(preferred / file_name)
    if len(path) <= MAX_PATH and PLAIN.fullmatch(path):
        return preferred
    digest = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:12]
    parent = temporary_folder()
    if os.geteuid() == 0:
        require_safe_parent(parent)
    return parent / f"mergelane-{digest}"


def remove_short_folder(folder: Path) -> None:
    """Remove *folder* if it is empty."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _first_unprivileged_port() -> int:
    """Return the first port on which every user may listen."""
    try:
        return int(UNPRIVILEGED.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1024
