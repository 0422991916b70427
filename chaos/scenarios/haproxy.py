"""The primary and its standby behind HAProxy, which forwards connections to the one that accepts writes."""

from collections.abc import Mapping
from pathlib import Path

import psycopg

from app.environment import child_environ
from chaos.installation import START_S, tcp_url
from chaos.keeper import KeptProcess
from chaos.scenarios.examples import example
from chaos.scenarios.scenario import Scenario, find_program
from chaos.scenarios.standby import FAULTS, ReplicatedInstallation
from cli.up.processes import Program
from demo.product import free_port

PACKAGE = "haproxy"


class BalancedInstallation(ReplicatedInstallation):
    """An installation whose DATABASE_URL is the address of HAProxy."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str]) -> None:
        super().__init__(folder, settings=settings)
        self._haproxy_port = free_port()

    @property
    def proxied_database_url(self) -> str:
        """The URL of HAProxy."""
        return tcp_url(self._haproxy_port)

    def start_database(self) -> None:
        """Start both servers and HAProxy."""
        super().start_database()
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute("CREATE ROLE haproxy LOGIN")
        first, second = self.database.proxies
        addresses = {
            "10.0.0.10:5432": f"127.0.0.1:{self._haproxy_port}",
            "10.0.0.11:5432": f"127.0.0.1:{first.port}",
            "10.0.0.12:5432": f"127.0.0.1:{second.port}",
        }
        config = self.folder / "haproxy.cfg"
        config.write_text(example("text", addresses), encoding="utf-8")
        command = [find_program("haproxy", PACKAGE), "-db", "-f", str(config)]
        program = Program(name="haproxy", command=command, environ=child_environ(), log=self.log_of("haproxy"))
        self.keeper.keep(KeptProcess(program))
        self.keeper.wait_until(self._forwards, seconds=START_S, what=f"HAProxy; its log is {self.log_of('haproxy')}")

    def _forwards(self) -> bool:
        try:
            psycopg.connect(self.proxied_database_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _require() -> None:
    find_program("haproxy", PACKAGE)


HAPROXY = Scenario(
    name="haproxy",
    prose="PostgreSQL with a synchronous standby behind HAProxy",
    build=BalancedInstallation,
    faults=FAULTS,
    require=_require,
)
