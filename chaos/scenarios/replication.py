"""Two PostgreSQL servers: a primary, and a synchronous standby that can be promoted."""

import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg

from app.environment import child_environ
from chaos.errors import ChaosError
from chaos.keeper import KeptProcess, ProcessKeeper
from chaos.proxy import Proxy
from cli.up.embedded_postgres import SOCKET, EmbeddedPostgres
from cli.up.postgres_access import SUPERUSER
from cli.up.safe_folders import create_private_folder

#: Power loss is no fault of these tests, so fsync is off. pg_rewind needs full page images.
SETTINGS = {"fsync": "off", "shared_buffers": "64MB"}
START_S = 60.0
#: A standby that has the primary's WAL up to its last commit, so that it can be promoted without loss.
IN_SYNC = "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'"


class ReplicaPostgres(EmbeddedPostgres):
    """A server that can become the standby of another."""

    def prepare(self) -> None:
        """Create the data folder, and a folder for the socket beside it: pg_rewind cannot copy sockets."""
        super().prepare()
        self.sockets = self.data.with_name(f"{self.data.name}-sockets")
        create_private_folder(self.sockets, self._user)

    def copy_from(self, source: EmbeddedPostgres) -> None:
        """Make the data folder a standby of *source*, by pg_rewind if there is one already, else by pg_basebackup."""
        origin = f"user={SUPERUSER} dbname=postgres host={source.sockets}"
        if (self.data / "PG_VERSION").exists():
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            self._run("pg_rewind", "--target-pgdata", str(self.data), "--source-server", origin, "-R", "--no-sync")
        else:
            self.prepare_programs()
            create_private_folder(self.data, self._user)
            target = ["-D", str(self.data), "-R", "-X", "stream", "-c", "fast", "--no-sync"]
            self._run("pg_basebackup", "-d", origin, *target)

    def _run(self, program: str, *arguments: str) -> None:
        command = self._wrap([str(self._bin / program), *arguments])
        done = subprocess.run(command, env=dict(self._environ), cwd="/", capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ChaosError(f"{program} failed: {done.stderr.strip()}")


class ReplicatedPostgres:
    """Two servers, each behind a proxy. The methods do what an operator or a tool such as Patroni does."""

    def __init__(self, folder: Path, keeper: ProcessKeeper, log_of: Callable[[str], Path]) -> None:
        self._keeper = keeper
        self._log_of = log_of
        self.servers = [ReplicaPostgres(folder / f"postgres{n}", child_environ(), SETTINGS) for n in (1, 2)]
        self.proxies = [Proxy(partial(self._socket_of, number)) for number in (0, 1)]
        self.kept: list[KeptProcess] = []
        self.primary = 0

    @property
    def standby(self) -> int:
        """The number of the other server."""
        return 1 - self.primary

    @property
    def primary_url(self) -> str:
        """The URL of the primary, without the proxy."""
        return self.servers[self.primary].url()

    def start(self) -> None:
        """Start the primary with its database, and the standby, and wait until commits reach both."""
        first, second = self.servers
        first.prepare()
        # In the file, so that it also applies to the recovery by pg_rewind.
        with (first.data / "postgresql.conf").open("a") as conf:
            conf.write("wal_keep_size = 512MB\nwal_log_hints = on\n")
        self._keep(first)
        self._wait_until_ready(0)
        first.ensure_database()
        second.copy_from(first)
        second.prepare()
        self._keep(second)
        self._wait_until_ready(1)
        self.require_standby()
        for proxy in self.proxies:
            proxy.start()

    def promote(self) -> None:
        """Make the standby the primary; until another standby follows it, its commits wait for none."""
        self.primary = self.standby
        self._set_standbys("")
        self._query("SELECT pg_promote(wait := true, wait_seconds := 60)")

    def rejoin(self) -> None:
        """Let the former primary follow the new one as a read-only standby, and make commits wait for it again."""
        former = self.kept[self.standby]
        former.hold_down(signal.SIGKILL)
        self.servers[self.standby].copy_from(self.servers[self.primary])
        former.let_up()
        self._wait_until_ready(self.standby)
        self.require_standby()

    def require_standby(self) -> None:
        """Make commits of the primary wait for the standby, and wait until it has caught up."""
        self._set_standbys("*")
        self._keeper.wait_until(self._is_in_sync, seconds=START_S, what="the standby to catch up")

    def stop(self) -> None:
        """Stop the proxies and remove the sockets; the keeper has stopped the servers."""
        for proxy in self.proxies:
            proxy.stop()
        for server in self.servers:
            server.remove_sockets()

    def _keep(self, server: EmbeddedPostgres) -> None:
        name = f"postgres{len(self.kept) + 1}"
        self.kept.append(self._keeper.keep(KeptProcess(server.program(self._log_of(name)), server.prepare)))

    def _wait_until_ready(self, number: int) -> None:
        what = f"PostgreSQL {number + 1}; its log is {self._log_of(f'postgres{number + 1}')}"
        self._keeper.wait_until(self.servers[number].ready, seconds=START_S, what=what)

    def _is_in_sync(self) -> bool:
        with suppress(psycopg.OperationalError):
            return bool(self._query(IN_SYNC))
        return False

    def _set_standbys(self, names: str) -> None:
        self._query(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self._query("SELECT pg_reload_conf()")

    def _query(self, statement: str) -> object:
        """Run a statement on the primary and return its first value."""
        url = self.servers[self.primary].url("postgres")
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def _socket_of(self, number: int) -> Path:
        return self.servers[number].sockets / SOCKET
