"""PgBouncer in transaction mode between the product and PostgreSQL."""

import signal
from collections.abc import Mapping
from pathlib import Path
from random import Random
from threading import Event
from typing import cast

import psycopg

from app.environment import child_environ
from chaos.faults import kill_postgres, make_fault, pause, restart_postgres_fast, stall_postgres
from chaos.installation import FAST, START_S, Installation, tcp_url
from chaos.keeper import KeptProcess
from chaos.scenarios.examples import example
from chaos.scenarios.scenario import Scenario, find_program
from cli.up import system_user
from cli.up.processes import Program
from demo.product import free_port

PACKAGE = "pgbouncer"


class PooledInstallation(Installation):
    """An installation whose DATABASE_URL is the address of PgBouncer; the proxy is between it and PostgreSQL."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str]) -> None:
        super().__init__(folder, settings={**settings, "MERGELANE_PREPARED_STATEMENTS": "false"})
        self._pooler_port = free_port()
        self.pooler: KeptProcess

    @property
    def proxied_database_url(self) -> str:
        """The URL of PgBouncer."""
        return tcp_url(self._pooler_port)

    def start_database(self) -> None:
        """Start PostgreSQL, its proxy and PgBouncer, which refuses to run as root."""
        super().start_database()
        # The settings of the example are those of the defaults; the installation has shorter timeouts.
        config = self.folder / "pgbouncer.ini"
        config.write_text(
            example(
                "ini",
                {
                    "host=10.0.0.11 port=5432": f"host=127.0.0.1 port={self.postgres_proxy.port} user=postgres",
                    "listen_addr = 10.0.0.10": "listen_addr = 127.0.0.1",
                    "listen_port = 6432": f"listen_port = {self._pooler_port}\nunix_socket_dir =",
                    "auth_type = scram-sha-256\nauth_file = /etc/pgbouncer/userlist.txt": "auth_type = any",
                    "statement_timeout = 15000": f"statement_timeout = {FAST['MERGELANE_STATEMENT_TIMEOUT_MS']}",
                    "lock_timeout = 10000": f"lock_timeout = {FAST['MERGELANE_LOCK_TIMEOUT_MS']}",
                    "session_timeout = 20000": f"session_timeout = {FAST['MERGELANE_IDLE_TIMEOUT_MS']}",
                },
            ),
            encoding="utf-8",
        )
        config.chmod(0o644)
        program = Program(
            name="pgbouncer",
            command=[find_program("pgbouncer", PACKAGE), str(config)],
            environ=child_environ(),
            log=self.log_of("pgbouncer"),
            user=system_user.ensure_system_user(),
            stop_signal=signal.SIGINT,
            directory=Path("/"),
        )
        self.pooler = self.keeper.keep(KeptProcess(program))
        what = f"PgBouncer; its log is {self.log_of('pgbouncer')}"
        self.keeper.wait_until(self._answers, seconds=START_S, what=what)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.proxied_database_url, connect_timeout=2, prepare_threshold=None) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def kill_pgbouncer(installation: Installation, rng: Random, over: Event) -> None:
    """Kill PgBouncer and start it later."""
    pooler = cast("PooledInstallation", installation).pooler
    pooler.hold_down(signal.SIGKILL)
    pause(rng, over, 0.2, 2)
    pooler.let_up()


def freeze_pgbouncer(installation: Installation, rng: Random, over: Event) -> None:
    """Freeze PgBouncer: connections stay open without responses."""
    pooler = cast("PooledInstallation", installation).pooler
    pooler.send_all(signal.SIGSTOP)
    pause(rng, over, 1, 5)
    pooler.send_all(signal.SIGCONT)


def _require() -> None:
    find_program("pgbouncer", PACKAGE)


PGBOUNCER = Scenario(
    name="pgbouncer",
    prose="PgBouncer in transaction mode",
    build=PooledInstallation,
    faults=[
        make_fault(harm)
        for harm in (kill_pgbouncer, freeze_pgbouncer, restart_postgres_fast, kill_postgres, stall_postgres)
    ],
    require=_require,
)
