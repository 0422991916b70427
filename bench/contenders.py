"""The contenders of the comparison. Each starts on its own database with the commands of a usual installation."""

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import time
from typing import ClassVar

import psycopg
import requests
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from procrastinate.schema import SchemaManager

from app.db.connections import Connection
from app.environment import child_environ
from bench import floor
from bench.client import post_all
from bench.errors import BenchError
from bench.ground import Ground
from bench.running import Running, stop_all, wait_until
from bench.world import BATCH, WORKSPACE_ID, World, plant_backlog, run_query
from bench.world import requests as bodies_for
from cli.up import commands

#: Maximum seconds of a round.
ROUND_S = 180.0
#: Parallel tasks of each procrastinate worker; they mostly wait for the database.
TASKS_AT_ONCE = 8
#: Seconds between two checks whether the last job is finished. The checks are too rare to affect the results.
CHECK_S = 0.05


class Contender:
    """One design, running on *database*: its programs, and how it merges."""

    name = ""
    #: Settings that differ from the defaults.
    settings: ClassVar[Mapping[str, str]] = {}

    def __init__(self, ground: Ground, world: World, database: str) -> None:
        self.ground = ground
        self.world = world
        self.database = database
        self.programs: list[Running] = []

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment of its programs: the product's defaults, with the servers of the benchmark."""
        own = {"DATABASE_URL": self.ground.url(self.database), "BROKER_URL": self.ground.broker_url}
        return child_environ(PYTHONUNBUFFERED="1", **own, **self.settings)

    @property
    def everything(self) -> list[Running]:
        """Its programs and the servers."""
        return [*self.programs, *self.ground.servers]

    def run(self, name: str, command: Sequence[str]) -> Running:
        """Start one of its programs."""
        program = Running.of(name, command, folder=self.ground.folder, environ=self.environ)
        self.programs.append(program)
        return program.start()

    def prepare(self, connection: Connection, *, warm: int, count: int) -> None:
        """Prepare *warm* + *count* merges, start, and run the *warm* ones, which are not measured."""
        raise NotImplementedError

    def merge(self) -> float:
        """Run the measured merges; return the seconds from the first request to the last outcome."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop its programs."""
        stop_all(self.programs)


class Served(Contender):
    """A contender with an HTTP API."""

    def __init__(self, ground: Ground, world: World, database: str) -> None:
        super().__init__(ground, world, database)
        self.port = free_port()
        #: Updates of a request.
        self.batch = BATCH
        self._bodies: list[bytes] = []
        self._connection: Connection

    def start(self) -> None:
        """Start its programs and wait until they are ready."""
        raise NotImplementedError

    def prepare(self, connection: Connection, *, warm: int, count: int) -> None:
        """Start, and post the merges that are not measured."""
        self._connection = connection
        self.start()
        self._bodies = bodies_for(connection, self.world, first=warm, count=count, size=self.batch)
        if warm:
            self.post(bodies_for(connection, self.world, first=0, count=warm, size=self.batch))

    def merge(self) -> float:
        """Post the measured merges, and wait for the last."""
        return self.post(self._bodies)

    def post(self, bodies: Sequence[bytes], *, seconds: float = ROUND_S) -> float:
        """Post *bodies* and wait until all jobs finish; return the seconds from the first request to the last outcome.

        Raises BenchError after *seconds*, or when an outcome is not `merged`.
        """
        began = time()
        post_all(self.port, bodies)
        wait_for_rest(self._connection, seconds=seconds)
        # The database has the time of the last outcome; it runs on the same clock.
        return last_outcome_at(self._connection) - began

    def plain_web(self, application: str) -> list[str]:
        """Return a usual gunicorn command of *application*."""
        gunicorn = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "8", application]
        return [*gunicorn, "--bind", f"127.0.0.1:{self.port}"]

    def wait_for_web(self, web: Running) -> None:
        """Wait until the API is ready."""
        web.wait_until(self._is_ready, what="start its API")

    def _is_ready(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.port}/health/ready", timeout=5).ok
        return False


class Mergelane(Served):
    """The product, started by its own commands: web server, relay and workers, with task events for Flower."""

    name = "mergelane"

    def __init__(self, ground: Ground, world: World, database: str, *, workers: int = 2) -> None:
        super().__init__(ground, world, database)
        self._workers = workers

    def start(self) -> None:
        """Start web server, relay and workers."""
        web = self.run("web", commands.web(host="127.0.0.1", port=self.port))
        self.start_backstage()
        self.wait_for_web(web)

    def start_web(self) -> Running:
        """Start only the web server."""
        web = self.run("web", commands.web(host="127.0.0.1", port=self.port))
        self.wait_for_web(web)
        return web

    def start_backstage(self) -> None:
        """Start only relay and workers."""
        workers = [
            self.run(f"worker{number}", commands.worker(f"worker{number}")) for number in range(1, self._workers + 1)
        ]
        for worker in workers:
            worker.wait_for(r"ready\.")
        self.run("relay", commands.relay()).wait_for("relay_started")


class Obvious(Served):
    """The obvious design: gunicorn, and one default Celery worker with events and one process per core."""

    name = "obvious"

    def start(self) -> None:
        """Start web server and worker."""
        web = self.run("web", self.plain_web("bench.obvious:create_app()"))
        worker = [sys.executable, "-m", "celery", "-A", "bench.obvious", "worker", "-E", "--loglevel", "WARNING"]
        self.run("worker", [*worker, "--concurrency", str(os.cpu_count() or 2)])
        self.wait_for_web(web)


class Procrastinate(Served):
    """The same with procrastinate: its tables in the same database, two of its workers."""

    name = "procrastinate"

    def start(self) -> None:
        """Create its tables, start web server and workers."""
        with self.ground.connect(self.database) as connection:
            connection.execute(SchemaManager.get_schema(), prepare=False)
        web = self.run("web", self.plain_web("bench.queued:create_app()"))
        worker = [sys.executable, "-m", "procrastinate", "--app", "bench.queued.app", "worker"]
        options = ["--concurrency", str(TASKS_AT_ONCE)]
        for number in range(1, (os.cpu_count() or 2) + 1):
            self.run(f"worker{number}", [*worker, *options, "--name", f"worker{number}"])
        self.wait_for_web(web)


class Pgqueuer(Served):
    """The same with pgqueuer: its tables in the same database, two of its workers."""

    name = "pgqueuer"

    def start(self) -> None:
        """Create its tables, start web server and workers."""
        with self.ground.connect(self.database) as connection:
            connection.execute(QueryBuilderEnvironment().build_install_query(), prepare=False)
        web = self.run("web", self.plain_web("bench.pgqueued:create_app()"))
        worker = [sys.executable, "-m", "pgqueuer", "run", "bench.pgqueued:create_worker"]
        # Groups of 50 are its fastest size here. A limit of concurrent tasks slows it, because it then waits for its
        # own records of finished jobs. The threads of the worker limit the concurrent jobs.
        options = ["--batch-size", str(BATCH), "--log-level", "WARNING"]
        for number in range(1, (os.cpu_count() or 2) + 1):
            self.run(f"worker{number}", [*worker, *options])
        self.wait_for_web(web)


class Floor(Contender):
    """The product's merge code in one process, without API and broker."""

    name = "floor"

    def prepare(self, connection: Connection, *, warm: int, count: int) -> None:
        """Write the ledger, start, and wait until it is warm."""
        plant_backlog(connection, self.world, first=0, count=warm + count, published=True)
        connection.execute("VACUUM ANALYZE job, batch", prepare=False)
        lanes = str(max(1, warm // 50))
        self.run("floor", [sys.executable, "-m", "bench.floor", lanes]).wait_for(re.escape(floor.WARM))

    def merge(self) -> float:
        """Run it, and return the seconds that it reports."""
        (program,) = self.programs
        program.send(signal.SIGUSR1)
        program.wait_until(lambda: floor.TOOK in program.log, what="finish its lanes", seconds=ROUND_S)
        took = re.search(rf"{floor.TOOK} ([\d.]+)\n", program.log)
        if took is None:
            raise BenchError(f"The log of the floor does not contain its duration.\n{program.last_words()}")
        return float(took[1])


def wait_for_rest(connection: Connection, *, seconds: float = ROUND_S) -> None:
    """Wait until no job is unfinished."""

    def is_finished() -> bool:
        (row,) = run_query(connection, "count_unfinished", {"workspace_id": WORKSPACE_ID})
        return not row["unfinished"]

    wait_until(is_finished, seconds=seconds, every=CHECK_S, what="the last job to finish")


def last_outcome_at(connection: Connection) -> float:
    """Return when the last job finished, in seconds since 1970. Raises BenchError unless every outcome is `merged`."""
    found = {row["outcome"]: row for row in run_query(connection, "count_outcomes", {"workspace_id": WORKSPACE_ID})}
    if found.keys() != {"merged"}:
        outcomes = ", ".join(f"{row['jobs']} {outcome}" for outcome, row in found.items())
        raise BenchError(f"Not all jobs merged. Outcomes: {outcomes or 'none, there are no jobs'}.")
    return float(found["merged"]["last_at"])


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(contender: Contender) -> Iterator[Connection]:
    """Yield a connection to the database of *contender*; stop its programs and drop the database afterwards.

    Adds the ends of its logs to errors.
    """
    try:
        with contender.ground.connect(contender.database) as connection:
            yield connection
    except (BenchError, psycopg.Error) as error:
        logs = "\n".join(program.last_words() for program in contender.programs)
        raise BenchError(f"{contender.name}: {error}\n{logs}") from error
    finally:
        contender.stop()
        contender.ground.drop(contender.database)
