"""The installation under test: real servers behind proxies, and the product's processes, restarted when they exit."""

import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import redis
import requests

from app import keys
from app.config import Settings
from app.db import migrations
from app.db.connections import Connection
from app.environment import child_environ
from chaos.errors import ChaosError
from chaos.keeper import KeptProcess, ProcessKeeper
from chaos.proxy import Proxy
from chaos.queues import messages
from cli.database import connected
from cli.up import commands
from cli.up.embedded_postgres import SOCKET as POSTGRES_SOCKET
from cli.up.embedded_postgres import EmbeddedPostgres
from cli.up.embedded_redis import EmbeddedRedis
from cli.up.processes import Program
from cli.up.safe_folders import passable_temporary_folder
from demo.product import free_port

WORKSPACE = "chaos"
KEY = "key-of-the-chaos-tests"
START_S = 60.0
#: Errors of a broker that does not answer.
BROKER_ERRORS = (redis.RedisError, OSError)
#: These tests inject no power loss, so fsync is off. All other durability settings are the defaults.
POSTGRES = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
#: Short timeouts: faults are detected within seconds instead of a minute, so that a short run can have hundreds.
FAST = {
    "MERGELANE_LOG_FORMAT": "text",
    "MERGELANE_WEB_PROCESSES": "1",
    "MERGELANE_VISIBILITY_TIMEOUT_S": "5",
    "MERGELANE_RESCUE_AFTER_S": "5",
    "MERGELANE_RESCUE_EVERY_S": "0.5",
    "MERGELANE_RETRY_DELAY_S": "0.2",
    "MERGELANE_POOL_TIMEOUT_S": "1",
    "MERGELANE_STATEMENT_TIMEOUT_MS": "4000",
    "MERGELANE_LOCK_TIMEOUT_MS": "2000",
    "MERGELANE_IDLE_TIMEOUT_MS": "3000",
}


class Installation:
    """Servers, proxies and processes. The product connects to the servers through the proxies, the audit directly."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str],
        postgres_proxy: type[Proxy] = Proxy,
        redis_proxy: type[Proxy] = Proxy,
    ) -> None:
        self.folder = folder
        self.keeper = ProcessKeeper()
        self._postgres_server = EmbeddedPostgres(folder / "postgres", child_environ(), POSTGRES)
        self._redis_server = EmbeddedRedis(folder, child_environ())
        self.postgres_proxy = postgres_proxy(lambda: self._postgres_server.sockets / POSTGRES_SOCKET)
        self.redis_proxy = redis_proxy(lambda: self._redis_server.socket)
        self._settings = settings
        self.port = free_port()
        self.postgres: KeptProcess
        self.redis: KeptProcess
        self.processes: dict[str, KeptProcess] = {}
        #: Messages by queue that the product left in the broker when its database was replaced.
        self.former_queues: dict[str, int] = {}

    @property
    def base_url(self) -> str:
        """The URL of the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        """The URL of the database, without the proxy."""
        return self._postgres_server.url()

    @property
    def broker_url(self) -> str:
        """The URL of the broker, without the proxy."""
        return self._redis_server.url()

    @property
    def proxied_broker_url(self) -> str:
        """The URL of the broker through the proxy, as the product uses it."""
        return f"redis://127.0.0.1:{self.redis_proxy.port}/0"

    @property
    def proxied_database_url(self) -> str:
        """The URL of the database through the proxy, as the product uses it."""
        return tcp_url(self.postgres_proxy.port)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the product's processes."""
        return child_environ(**{**FAST, **self._settings}, **self.product_urls, PYTHONUNBUFFERED="1")

    @property
    def product_urls(self) -> Mapping[str, str]:
        """The settings with the URLs of the servers, as the product uses them."""
        return {"DATABASE_URL": self.proxied_database_url, "BROKER_URL": self.proxied_broker_url}

    @property
    def command_settings(self) -> Settings:
        """The settings with which a command connects to the database."""
        return Settings(database_distributed=self._settings.get("DATABASE_DISTRIBUTED") == "on")

    def connect(self) -> Connection:
        """Return a direct connection to the database, with rows as dicts, in autocommit mode."""
        return Connection.connect(
            self.database_url, row_factory=psycopg.rows.dict_row, autocommit=True, connect_timeout=5
        )

    def connect_for_audit(self) -> Connection:
        """Return a connection on which the queries of the audits may join all tables."""
        return self.connect()

    def redis_client(self) -> redis.Redis:
        """Return a direct client of the broker."""
        return self._redis_server.client()

    def count_messages(self) -> int:
        """Return the number of messages in the broker; raise one of BROKER_ERRORS when it does not answer."""
        with self.redis_client() as client:
            return messages(client, except_in=self.former_queues)

    def start_servers(self) -> None:
        """Start both servers and their proxies, and migrate the schema."""
        self.keeper.start()
        self.start_database()
        self.start_broker()
        migrations.upgrade_schema(self.database_url)
        with connected(self.command_settings, self.database_url, name="chaos") as connection:
            keys.ensure_key(connection, key=KEY, workspace=WORKSPACE, permissions=["*"])

    def start_database(self) -> None:
        """Start PostgreSQL and its proxy, and create the database."""
        self._postgres_server.prepare()
        self.postgres_proxy.start()
        self.postgres = self.keeper.keep(
            KeptProcess(self._postgres_server.program(self.log_of("postgres")), self._clear_away)
        )
        self.keeper.wait_until(self._postgres_server.ready, seconds=START_S, what="PostgreSQL")
        self._postgres_server.ensure_database()

    def start_broker(self) -> None:
        """Start Redis and its proxy."""
        self._redis_server.prepare()
        self.redis_proxy.start()
        self.redis = self.keeper.keep(
            KeptProcess(self._redis_server.program(self.log_of("redis")), self._redis_server.prepare)
        )
        self.keeper.wait_until(self._redis_server.ready, seconds=START_S, what="Redis")

    def run(self, name: str, command: Sequence[str], **settings: str) -> KeptProcess:
        """Keep a process of the product running under *name*, with extra *settings*."""
        program = Program(
            name=name,
            command=command,
            environ={**self.environ, **settings},
            log=self.log_of(name),
            directory=commands.DIRECTORY,
            stop_seconds=20.0,
        )
        self.processes[name] = self.keeper.keep(KeptProcess(program))
        return self.processes[name]

    def run_product(self, *, workers: int) -> None:
        """Keep the product's processes running, and wait until the API is ready."""
        self.run("web", commands.web(host="127.0.0.1", port=self.port))
        self.run("relay", commands.relay())
        for number in range(1, workers + 1):
            self.run(f"worker{number}", commands.worker(f"worker{number}"))
        self.wait_for_web()

    def wait_for_web(self) -> None:
        """Wait until the API and its database are ready."""
        self.keeper.wait_until(self._is_ready, seconds=START_S, what=f"the API; its log is {self.log_of('web')}")

    @property
    def workers(self) -> list[str]:
        """The names of the workers."""
        return [name for name in self.processes if name.startswith("worker")]

    def make_whole(self) -> None:
        """Repair all faults: let every process run, and the proxies pass all traffic."""
        for proxy in (self.postgres_proxy, self.redis_proxy):
            proxy.refuse(refusing=False)
            proxy.stall(stalled=False)
            proxy.delay(0)
        for kept in self.keeper.kept:
            kept.let_up()
            kept.send_all(signal.SIGCONT)

    def keep_logs(self) -> Path:
        """Copy the logs to a folder that is not removed, and return it."""
        kept = Path(mkdtemp(prefix="mergelane-chaos-logs-"))
        for log in self.folder.glob("*.log*"):
            shutil.copy(log, kept)
        return kept

    def stop(self) -> None:
        """Stop all processes and proxies."""
        self.keeper.end()
        for proxy in (self.postgres_proxy, self.redis_proxy):
            proxy.stop()
        self._redis_server.remove_sockets()
        self._postgres_server.remove_sockets()

    def _clear_away(self) -> None:
        """Remove the files that a killed PostgreSQL leaves in its folder."""
        self._postgres_server.prepare()

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.base_url}/health/ready", timeout=5).ok
        except requests.RequestException:
            return False

    def log_of(self, name: str) -> Path:
        """Return the log file of the process *name*."""
        return self.folder / f"{name}.log"


class DirectInstallation(Installation):
    """An installation for measurements, without faults: the product connects to its servers directly.

    The proxies run in the process of the measuring client, so every statement would cost processor time of this client.
    """

    @property
    def product_urls(self) -> Mapping[str, str]:
        return {"DATABASE_URL": self.database_url, "BROKER_URL": self.broker_url}


def tcp_url(port: int) -> str:
    """Return the URL of the database on a *port* of this machine."""
    return f"postgresql://postgres@127.0.0.1:{port}/mergelane?sslmode=disable&gssencmode=disable"


@contextmanager
def running_installation(
    *, settings: Mapping[str, str] | None = None, build: Callable[..., Installation] = Installation
) -> Iterator[Installation]:
    """Yield an installation with running servers; stop everything afterwards and remove its folder."""
    # Under root, PostgreSQL runs as another user and must be able to enter the folder.
    with passable_temporary_folder("mergelane-chaos-") as folder:
        built = build(folder, settings=settings or {})
        try:
            built.start_servers()
            yield built
        except ChaosError as error:
            raise ChaosError(f"{error}\n{_last_words(built.folder)}") from error
        finally:
            built.stop()


def _last_words(folder: Path) -> str:
    """Return the ends of all logs."""
    logs = sorted(folder.glob("*.log"))
    return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)
