"""One run of `mergelane up`: lock the folder, start everything in order, supervise it, stop it in reverse order."""

import signal
import threading
from collections.abc import Callable, Mapping
from functools import partial
from types import FrameType

import requests

from app import keys
from app.config import Settings
from app.db import migrations
from app.db.roles import ensure_login
from app.db.schema_version import explain_newer
from app.setting_sources import PG_VARIABLES_ONLY
from cli.database import connected, require_database
from cli.up.announcement import format_announcement
from cli.up.data_dir import DataDir, require_moved_home
from cli.up.embedded_postgres import EmbeddedPostgres
from cli.up.embedded_redis import EmbeddedRedis
from cli.up.managed_process import ManagedProcess
from cli.up.postgres_access import AccessByUser
from cli.up.process_environ import process_environ, secret_texts, url_of_processes
from cli.up.process_user import choose_process_user
from cli.up.programs import UpOptions, product_programs
from cli.up.safe_folders import create_private_folder, remove_folder
from cli.up.sockets import require_usable_port
from cli.up.supervisor import StopRequested, Supervisor

DEV_WORKSPACE = "default"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ProductRun:
    """Runs the whole product. *announce* receives the final text, *report* what happens meanwhile."""

    def __init__(
        self, options: UpOptions, settings: Settings, *, announce: Callable[[str], None], report: Callable[[str], None]
    ) -> None:
        self._options = options
        self._settings = settings
        self._announce = announce
        self._report = report
        self._stop = threading.Event()
        self._data_dir = DataDir(options.home)
        self._supervisor = Supervisor(self._data_dir, self._stop, report)
        self._servers: list[EmbeddedPostgres | EmbeddedRedis] = []
        self._user: str | None = None

    def run(self) -> None:
        """Run until the first signal; raises SetupError when a part does not start."""
        require_moved_home(self._options.home)
        self._data_dir.lock()
        self._handle_signals()
        try:
            self._start()
            self._supervisor.supervise()
        except StopRequested:
            self._report("Stopped before everything had started.")
        finally:
            self._finish()

    def _finish(self) -> None:
        """Stop what was started, and unlock the folder."""
        if self._supervisor.has_started:
            self._report("Stopping. Running lanes finish first; press Ctrl-C again to stop at once.")
            self._supervisor.stop_all()
            for server in self._servers:
                server.remove_sockets()
            self._report("Stopped.")
        self._data_dir.unlock()

    def _start(self) -> None:
        """Start everything and print the addresses."""
        options = self._options
        self._supervisor.stop_orphan_processes()
        self._user, warning = choose_process_user()
        for host, port, option in options.listeners:
            require_usable_port(host, port, option, user=self._user)
        # The PG* variables of a user alone, often set for psql, do not replace the embedded server.
        own_database = self._settings.database_url not in {"", PG_VARIABLES_ONLY}
        server = None if own_database else self._start_postgres()
        database_url = server.url() if server else self._settings.database_url
        broker_url = self._settings.broker_url or self._start_redis()
        self._prepare_database(database_url, create_login=server is not None)
        secrets = secret_texts() | {"broker_url": broker_url}
        if server:
            secrets["database_url"] = server.url(role=self._settings.process_user)
        else:
            secrets |= url_of_processes(self._settings)
        if warning:
            self._report(warning)
        self._start_programs(secrets)
        embedded = {"postgres": server is not None, "redis": not self._settings.broker_url}
        self._announce(format_announcement(options, self._data_dir, **embedded, key=bool(self._settings.dev_api_key)))

    def _start_postgres(self) -> EmbeddedPostgres:
        """Start the embedded PostgreSQL and return it."""
        access = AccessByUser(user=self._user, role=self._settings.process_user) if self._user else None
        server = EmbeddedPostgres(self._data_dir.postgres, process_environ("postgres", {}), access=access)
        self._start_server(server, "postgres")
        server.ensure_database()
        self._data_dir.save_database_url(server.url())
        return server

    def _start_redis(self) -> str:
        """Start the embedded Redis and return its URL."""
        # It holds nothing but the socket of an earlier run, and may belong to another user.
        remove_folder(self._data_dir.redis)
        create_private_folder(self._data_dir.redis, self._user)
        server = EmbeddedRedis(self._data_dir.redis, process_environ("redis", {}), user=self._user)
        self._start_server(server, "redis")
        self._data_dir.save_broker_url(server.url())
        return server.url()

    def _start_server(self, server: EmbeddedPostgres | EmbeddedRedis, name: str) -> None:
        self._servers.append(server)
        server.prepare()
        (process,) = self._supervisor.start(server.program(self._data_dir.log_file(name)), before=server.prepare)
        self._supervisor.wait_until_ready(server.ready, process)

    def _prepare_database(self, database_url: str, *, create_login: bool) -> None:
        """Upgrade the schema, and create the login of the processes and the dev key if they are needed."""
        require_database(self._settings, database_url)
        migrations.upgrade_schema(database_url)
        if sentence := explain_newer(migrations.database_revision(database_url)):
            self._report(sentence)
        with connected(self._settings, database_url, name="up") as conn:
            if create_login or self._settings.process_password:
                ensure_login(conn, self._settings.process_user, self._settings.process_password)
            if self._settings.dev_api_key:
                keys.ensure_key(
                    conn,
                    key=self._settings.dev_api_key,
                    workspace=DEV_WORKSPACE,
                    permissions=["*"],
                    peppers=self._settings.key_pepper,
                )

    def _start_programs(self, secrets: Mapping[str, str]) -> None:
        """Start the processes of the product, each with its part of *secrets*, and wait until each is ready.

        Flower starts first, so that it sees every worker start. Web starts last, so it stops first: it accepts no new
        requests while running lanes finish.
        """
        programs = product_programs(self._options, self._data_dir, secrets, user=self._user)
        supervisor = self._supervisor
        flower = supervisor.start(programs.flower)
        workers = supervisor.start(*programs.workers)
        supervisor.start(programs.relay, programs.sender)
        web = supervisor.start(programs.web)
        for worker in workers:
            supervisor.wait_until_ready(partial(_is_worker_ready, worker), worker)
        supervisor.wait_until_ready(partial(_responds, self._web_url), *web)
        supervisor.wait_until_ready(partial(_responds, self._flower_url), *flower)

    @property
    def _web_url(self) -> str:
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  the address to poll, not to listen on
        host = everywhere.get(self._options.host, self._options.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._options.port}/health/ready"

    @property
    def _flower_url(self) -> str:
        return f"http://127.0.0.1:{self._options.flower_port}/healthcheck"

    def _handle_signals(self) -> None:
        """Stop at the first signal, and kill everything at the second."""
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # `nohup` ignores SIGHUP
                signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._stop.is_set():
            self._supervisor.kill_now.set()
        self._stop.set()


def _is_worker_ready(worker: ManagedProcess) -> bool:
    """Return whether Celery has logged that *worker* receives messages."""
    return "ready." in worker.log_since_start()


def _responds(url: str) -> bool:
    """Return whether a GET of *url* succeeds; proxies of the environment are not used."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(url, timeout=5).ok
        except requests.RequestException:
            return False
