"""The system users of a `mergelane up` that root starts.

One runs PostgreSQL, which refuses to run as root. One runs all other processes, which cannot read PostgreSQL's data.
"""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.errors import SetupError
from cli.up import parent_death

DATABASE_USER = "mergelane"
PROCESS_USER = "mergelane-app"
PROBE_SECONDS = 60.0


def ensure_system_user(name: str = DATABASE_USER) -> str | None:
    """Return the user *name*, created if it does not exist; None when this process is not root.

    Raises SetupError when the user does not exist and `useradd` is missing or fails.
    """
    if os.geteuid() != 0:
        return None
    if not _exists(name):
        _create_user(name)
    return name


def user_ids(name: str | None) -> tuple[int, int]:
    """Return the ids of the user *name* and of its group; those of this process for None."""
    if name is None:
        return os.geteuid(), os.getegid()
    user = pwd.getpwnam(name)
    return user.pw_uid, user.pw_gid


def user_environ(name: str | None) -> dict[str, str]:
    """Return the variables by which libraries find the files of the user *name*, instead of those of root."""
    if name is None:
        return {}
    return {"HOME": pwd.getpwnam(name).pw_dir, "USER": name, "LOGNAME": name}


def runs_as(name: str | None, command: Sequence[str], *, environ: Mapping[str, str], directory: Path) -> bool:
    """Return whether *command* succeeds as the user *name*."""
    wrapper = [sys.executable, "-I", "-S", parent_death.__file__, "9", str(os.getpid()), name or ""]
    try:
        done = subprocess.run(
            [*wrapper, *command],
            env={**environ, **user_environ(name)},
            cwd=directory,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _create_user(name: str) -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise SetupError(
            f"There is no `useradd` to create the system user {name!r}. Create it, run as another user than root, or"
            " set DATABASE_URL."
        )
    command = [useradd, "--system", "--no-create-home", "--user-group", "--shell", "/usr/sbin/nologin", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and not _exists(name):  # another process may have created it at the same time
        raise SetupError(f"Cannot create the system user {name!r}: {done.stderr.strip()}")


def _exists(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())
