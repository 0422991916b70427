"""The system user that the embedded PostgreSQL runs as under root, since PostgreSQL refuses to run as root."""

import logging
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from app.errors import SetupError

NAME = "mergelane"

logger = logging.getLogger(__name__)


def needed_user() -> str | None:
    """Return the name of the user to run PostgreSQL as, made if it does not exist; None when not under root.

    Raises SetupError when there is no such user and no `useradd` to make one.
    """
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(NAME)
    except KeyError:
        _make_user()
    return NAME


def _make_user() -> None:
    """Make the system user, without a home and without a shell."""
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        message = f"PostgreSQL does not run as root and there is no `useradd` to make the system user {NAME!r} with. "
        message += "Run as another user, or set DATABASE_URL."
        raise SetupError(message)
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0 and not _exists():  # two of us may have started at the same moment
        message = f"Could not make the system user {NAME!r} that PostgreSQL needs under root: {made.stderr.strip()}"
        raise SetupError(message)


def _exists() -> bool:
    """Tell whether the system user is there."""
    return any(entry.pw_name == NAME for entry in pwd.getpwall())


def open_way(path: Path) -> None:
    """Let other users pass through, but not list, every folder above *path*."""
    for folder in path.resolve().parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            logger.warning("Letting the system user %s pass through %s.", NAME, folder)
            folder.chmod(mode | stat.S_IXOTH)


def open_tree(root: Path) -> None:
    """Let other users read everything below *root*, and run what is a program there."""
    for path in (root, *root.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if wanted != mode:
            path.chmod(wanted)


def hand_over(path: Path) -> None:
    """Make the system user the owner of *path*."""
    user = pwd.getpwnam(NAME)
    os.chown(path, user.pw_uid, user.pw_gid)
