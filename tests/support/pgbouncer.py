"""A real PgBouncer in transaction mode in front of a test's database."""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pytest

from app.environment import child_environ
from chaos.scenarios.scenario import MissingProgram, find_program
from cli.up import system_user
from cli.up.processes import Program
from tests.support.missing import missing
from tests.support.processes import Process, free_port
from tests.support.waiting import wait_until

CONFIG = """
[databases]
* = {server} user=postgres {database_settings}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
{prepared_statements}
{settings}
"""
#: Without this setting PgBouncer refuses connections with session settings; with it, PgBouncer drops the settings.
IGNORE_OPTIONS = "ignore_startup_parameters = options"
#: The advisory locks in the database of a connection.
ADVISORY_LOCKS = """
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
#: The first version that knows `max_prepared_statements`.
FORWARDS_PREPARED = (1, 21)


class PgBouncer:
    """Listens on a port and forwards to the server of *database_url*, without support for prepared statements."""

    def __init__(self, folder: Path, database_url: str) -> None:
        try:
            self._program = find_program("pgbouncer", "pgbouncer")
        except MissingProgram as error:
            missing("PgBouncer", error)
        self._folder = folder
        parts = urlsplit(database_url)
        host = unquote(parse_qs(parts.query).get("host", [parts.hostname or ""])[0])
        self._server = f"host={host} port={parts.port or 5432}"
        self._port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}{parts.path}"
        self._process: Process | None = None

    def start(self, *, settings: str = "", connect_query: str = "") -> None:
        """Stop it if it runs, and start it with new settings."""
        self.stop()
        config = self._folder / "pgbouncer.ini"
        database_settings = f"connect_query='{connect_query}'" if connect_query else ""
        config.write_text(
            CONFIG.format(
                server=self._server,
                port=self._port,
                settings=settings,
                database_settings=database_settings,
                prepared_statements="max_prepared_statements = 0" if self._version() >= FORWARDS_PREPARED else "",
            )
        )
        config.chmod(0o644)
        program = Program(
            name="pgbouncer",
            command=[self._program, str(config)],
            environ=child_environ(),
            log=self._folder / "pgbouncer.log",
            user=system_user.ensure_system_user(),
            stop_signal=signal.SIGINT,
            directory=Path("/"),
        )
        self._process = Process(program).start()
        wait_until(self._answers, what=f"PgBouncer; its log is {program.log}")

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.stop()

    def _version(self) -> tuple[int, ...]:
        said = subprocess.run([self._program, "--version"], capture_output=True, text=True, check=True).stdout
        return tuple(int(part) for part in said.split()[1].split(".")[:2])

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture
def pgbouncer(database_url: str) -> Iterator[PgBouncer]:
    """A PgBouncer in front of the test's database, not started.

    Under root it runs as another user, so its folder is not one of pytest's.
    """
    with tempfile.TemporaryDirectory(prefix="mergelane-test-pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        pooler = PgBouncer(Path(folder), database_url)
        yield pooler
        pooler.stop()
