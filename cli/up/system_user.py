"""The system user for the embedded PostgreSQL when `mergelane up` runs as root: PostgreSQL refuses to run as root."""

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


def ensure_system_user() -> str | None:
    """Return the user to run PostgreSQL as, created if it does not exist; None when this process is not root.

    Raises SetupError when the user does not exist and `useradd` is missing or fails.
    """
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(NAME)
    except KeyError:
        _create_user()
    return NAME


def _create_user() -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise SetupError(
            f"PostgreSQL does not run as root, and there is no `useradd` to create the system user {NAME!r}. Run as"
            " another user, or set DATABASE_URL."
        )
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and not _exists():  # another process may have created it at the same time
        raise SetupError(f"Cannot create the system user {NAME!r} for PostgreSQL: {done.stderr.strip()}")


def _exists() -> bool:
    return any(entry.pw_name == NAME for entry in pwd.getpwall())


def allow_traversal(path: Path) -> None:
    """Let other users pass through every folder above *path*, without the right to list it."""
    for folder in path.resolve().parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            logger.warning("Allowing the system user %s to pass through %s.", NAME, folder)
            folder.chmod(mode | stat.S_IXOTH)


def allow_reading(root: Path) -> None:
    """Let other users read everything below *root* and run its programs."""
    for path in (root, *root.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        needed = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if needed != mode:
            path.chmod(needed)


def give_to_system_user(path: Path) -> None:
    """Make the system user the owner of *path*."""
    user = pwd.getpwnam(NAME)
    os.chown(path, user.pw_uid, user.pw_gid)
