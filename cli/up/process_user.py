"""The system user that runs the processes of a `mergelane up` that root starts."""

import os
import sys

from app.environment import child_environ
from app.errors import SetupError
from cli.up import commands
from cli.up.embedded_redis import redis_executable
from cli.up.system_user import PROCESS_USER, ensure_system_user, runs_as

#: Imports what the processes import, and checks the program in its argument.
PROBE = "import os, sys, app.web, workers.tasks; sys.exit(not all(os.access(each, os.X_OK) for each in sys.argv[1:]))"


def choose_process_user() -> tuple[str | None, str]:
    """Return the system user for the processes, None when they run as the user of this process, and a warning.

    They run as root, and the warning says why, when the system user cannot read the installation. Else it is empty.
    """
    if os.geteuid() != 0:
        return None, ""
    try:
        user = ensure_system_user(PROCESS_USER)
    except SetupError as error:
        return None, f"Warning: all processes except PostgreSQL run as root. {error}"
    # No secret goes to the probe.
    environ = {name: value for name, value in child_environ().items() if name in PYTHON_VARIABLES}
    command = [sys.executable, "-c", PROBE, *_embedded_programs()]
    if runs_as(user, command, environ=environ, directory=commands.DIRECTORY):
        return user, ""
    return None, (
        f"Warning: all processes except PostgreSQL run as root, because the system user {user} cannot read the"
        f" installation in {commands.DIRECTORY} or its Python in {sys.prefix}. Install Mergelane in a folder that every"
        " user can read, such as /opt/mergelane."
    )


#: Variables by which Python finds its modules.
PYTHON_VARIABLES = frozenset({"PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"})


def _embedded_programs() -> list[str]:
    try:
        return [str(redis_executable())]
    except SetupError:
        return []  # the broker is another one
