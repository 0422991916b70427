"""The course of `mergelane up`: claim the home, start from the ground up, tell, keep running, stop from the top."""

import signal
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType

import requests

from app import keys
from app.config import Settings, child_environ
from app.db import migrations
from cli.up.announcement import announcement
from cli.up.children import Child
from cli.up.database import connected, require_answer
from cli.up.embedded_postgres import EmbeddedPostgres
from cli.up.embedded_redis import EmbeddedRedis
from cli.up.home import Home
from cli.up.household import Household, Stopped
from cli.up.ports import require_free
from cli.up.programs import Options, environment, programs

DEV_WORKSPACE = "default"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Up:
    """One run of the whole product. *announce* tells what is asked for, *tell* what happens meanwhile."""

    def __init__(
        self, options: Options, settings: Settings, *, announce: Callable[[str], None], tell: Callable[[str], None]
    ) -> None:
        self._options = options
        self._settings = settings
        self._announce = announce
        self._tell = tell
        self._stop = threading.Event()
        self._home = Home(options.home)
        self._household = Household(self._home, self._stop, tell)
        self._servers: list[EmbeddedPostgres | EmbeddedRedis] = []

    def run(self) -> None:
        """Run until the operator asks for the end; raises SetupError when something does not start."""
        self._home.claim()
        self._listen_to_signals()
        try:
            self._start()
            self._household.keep()
        except Stopped:
            self._tell("Stopped before everything had started.")
        finally:
            self._finish()

    def _finish(self) -> None:
        """End whatever was started, and give the home back."""
        if self._household.populated:
            self._tell("Stopping. Lanes that are running finish first; Ctrl-C again stops at once.")
            self._household.end()
            for server in self._servers:
                server.tidy()
            self._tell("Stopped.")
        self._home.release()

    def _start(self) -> None:
        """Start everything and tell where it is."""
        options = self._options
        self._household.end_leftovers()
        require_free(options.host, options.port, "--port")
        require_free("127.0.0.1", options.flower_port, "--flower-port")
        for port in options.metrics_ports:
            require_free("127.0.0.1", port, "--metrics-port")
        database_url = self._settings.database_url or self._start_postgres()
        broker_url = self._settings.broker_url or self._start_redis()
        self._prepare_database(database_url)
        self._start_programs(database_url, broker_url)
        own = {"postgres": not self._settings.database_url, "redis": not self._settings.broker_url}
        self._announce(announcement(options, self._home, **own, key=bool(self._settings.dev_api_key)))

    def _start_postgres(self) -> str:
        """Start the embedded PostgreSQL and return where it is."""
        server = EmbeddedPostgres(self._home.postgres, child_environ())
        self._servers.append(server)
        server.prepare()
        (child,) = self._household.start(server.program(self._home.log("postgres")), before=server.prepare)
        self._household.wait_until(server.ready, child)
        server.ensure_database()
        self._home.note_database(server.url())
        return server.url()

    def _start_redis(self) -> str:
        """Start the embedded Redis and return where it is."""
        server = EmbeddedRedis(self._home.run, child_environ())
        self._servers.append(server)
        server.prepare()
        (child,) = self._household.start(server.program(self._home.log("redis")), before=server.prepare)
        self._household.wait_until(server.ready, child)
        self._home.note_broker(server.url())
        return server.url()

    def _prepare_database(self, database_url: str) -> None:
        """Bring the schema up to date, and see that the dev key is there when one is set."""
        require_answer(self._settings, database_url)
        migrations.upgrade(database_url)
        if self._settings.dev_api_key:
            with connected(self._settings, database_url, name="up") as conn:
                keys.ensure(
                    conn,
                    key=self._settings.dev_api_key,
                    workspace=DEV_WORKSPACE,
                    permissions=["*"],
                    peppers=self._settings.key_pepper,
                )

    def _start_programs(self, database_url: str, broker_url: str) -> None:
        """Start the product's processes and wait until each can do its work.

        Flower comes first, so that it sees the workers come up and go; web is the last to come and so the first to
        be stopped: nothing new is accepted while the lanes that are running finish.
        """
        environ = environment(
            database_url=database_url,
            broker_url=broker_url,
            flower_port=self._options.flower_port,
            flower_basic_auth=self._settings.flower_basic_auth,
        )
        wanted = programs(self._options, self._home, environ)
        household = self._household
        flower = household.start(wanted.flower)
        workers = household.start(*wanted.workers)
        household.start(wanted.relay, wanted.sender)
        web = household.start(wanted.web)
        for worker in workers:
            household.wait_until(partial(_ready, worker), worker)
        household.wait_until(partial(_answers, self._web), *web)
        household.wait_until(partial(_answers, self._flower), *flower)

    @property
    def _web(self) -> str:
        """Where the front door says that it is ready."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where to ask, not where to listen
        host = everywhere.get(self._options.host, self._options.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._options.port}/health/ready"

    @property
    def _flower(self) -> str:
        """Where Flower says that it is there."""
        return f"http://127.0.0.1:{self._options.flower_port}/healthcheck"

    def _listen_to_signals(self) -> None:
        """Stop at the first signal, and at once at the second."""
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # `nohup` and the like have their way
                signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Note that the end is asked for, or asked for again."""
        if self._stop.is_set():
            self._household.hurry.set()
        self._stop.set()


def _ready(worker: Child) -> bool:
    """Tell whether *worker* has said that it takes lanes."""
    return "ready." in worker.said()


def _answers(address: str) -> bool:
    """Tell whether *address* answers well; a proxy set in the environment has no part in it."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(address, timeout=5).ok
        except requests.RequestException:
            return False
