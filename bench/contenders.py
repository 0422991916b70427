"""Those who are measured side by side, each started as its users would start it, on a database of its own."""

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import time

import psycopg
import requests
from procrastinate.schema import SchemaManager

from app.config import child_environ
from app.db.connections import Connection
from bench import floor
from bench.client import post_all
from bench.errors import BenchError
from bench.ground import Ground
from bench.running import Running, stop_all, wait_until
from bench.world import WORKSPACE_ID, World, plant_backlog, run_query
from bench.world import requests as bodies_for
from cli.up import commands

#: Seconds after which a round is given up.
ROUND_S = 180.0
#: Tasks that one of procrastinate's workers runs at a time; they mostly wait for the database.
TASKS_AT_ONCE = 8
#: Seconds between two looks at whether the last job is finished: few enough to cost nothing.
LOOK_S = 0.05


class Contender:
    """One way to merge, running on *database*: programs, and how it is brought to merge."""

    name = ""

    def __init__(self, ground: Ground, world: World, database: str) -> None:
        self.ground = ground
        self.world = world
        self.database = database
        self.programs: list[Running] = []

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment of its programs: the defaults of the product, on our servers."""
        own = {"DATABASE_URL": self.ground.url(self.database), "BROKER_URL": self.ground.broker_url}
        return child_environ(PYTHONUNBUFFERED="1", **own)

    @property
    def everything(self) -> list[Running]:
        """All that works for it: its programs, and the servers."""
        return [*self.programs, *self.ground.servers]

    def run(self, name: str, command: Sequence[str]) -> Running:
        """Start one of its programs."""
        program = Running.of(name, command, folder=self.ground.folder, environ=self.environ)
        self.programs.append(program)
        return program.start()

    def prepare(self, connection: Connection, *, warm: int, count: int) -> None:
        """Make ready for *warm* merges that do not count and *count* that do, start, and do the former."""
        raise NotImplementedError

    def merge(self) -> float:
        """Do the merges that count; return how many seconds they took, from the first request to the last outcome."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop its programs."""
        stop_all(self.programs)


class Served(Contender):
    """A contender with a front door."""

    def __init__(self, ground: Ground, world: World, database: str) -> None:
        super().__init__(ground, world, database)
        self.port = free_port()
        self._bodies: list[bytes] = []
        self._connection: Connection

    def start(self) -> None:
        """Start all of its programs and wait until they are ready."""
        raise NotImplementedError

    def prepare(self, connection: Connection, *, warm: int, count: int) -> None:
        """Start, and post the merges that do not count."""
        self._connection = connection
        self.start()
        self._bodies = bodies_for(connection, self.world, first=warm, count=count)
        self.post(bodies_for(connection, self.world, first=0, count=warm))

    def merge(self) -> float:
        """Post the merges that count, and wait for the last."""
        return self.post(self._bodies)

    def post(self, bodies: Sequence[bytes], *, seconds: float = ROUND_S) -> float:
        """Post *bodies* and wait until all is done; return the seconds from the first request to the last outcome.

        Raises BenchError when the rest takes longer than *seconds*, or when an outcome is another than merged.
        """
        began = time()
        post_all(self.port, bodies)
        wait_for_rest(self._connection, seconds=seconds)
        # The time of the last outcome is told by the database, whose clock is this machine's too.
        return last_outcome_at(self._connection) - began

    def plain_web(self, application: str) -> list[str]:
        """Return the command of a front door as one writes it down at first."""
        gunicorn = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "8", application]
        return [*gunicorn, "--bind", f"127.0.0.1:{self.port}"]

    def wait_for_door(self, web: Running) -> None:
        """Wait until the front door is open."""
        web.wait_until(self._answers, what="open the front door")

    def _answers(self) -> bool:
        """Tell whether the front door is open."""
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.port}/health/ready", timeout=5).ok
        return False


class Mergelane(Served):
    """The product, by its own commands: front door, relay, workers, events on for Flower."""

    name = "mergelane"

    def __init__(self, ground: Ground, world: World, database: str, *, workers: int = 2) -> None:
        super().__init__(ground, world, database)
        self._workers = workers

    def start(self) -> None:
        """Start front door, relay and workers."""
        web = self.run("web", commands.web(host="127.0.0.1", port=self.port))
        self.start_backstage()
        self.wait_for_door(web)

    def start_backstage(self) -> None:
        """Start relay and workers alone."""
        workers = [
            self.run(f"worker{number}", commands.worker(f"worker{number}")) for number in range(1, self._workers + 1)
        ]
        for worker in workers:
            worker.wait_for(r"ready\.")
        self.run("relay", commands.relay()).wait_for("relay_started")


class Obvious(Served):
    """The obvious way: gunicorn, and one default Celery worker with events on, its processes as many as cores."""

    name = "obvious"

    def start(self) -> None:
        """Start front door and worker."""
        door = self.run("web", self.plain_web("bench.obvious:create_app()"))
        worker = [sys.executable, "-m", "celery", "-A", "bench.obvious", "worker", "-E", "--loglevel", "WARNING"]
        self.run("worker", [*worker, "--concurrency", str(os.cpu_count() or 2)])
        self.wait_for_door(door)


class Procrastinate(Served):
    """The same through procrastinate: its tables in the same database, two workers of its own."""

    name = "procrastinate"

    def start(self) -> None:
        """Bring its tables into the database, start front door and workers."""
        with self.ground.connect(self.database) as connection:
            connection.execute(SchemaManager.get_schema(), prepare=False)
        door = self.run("web", self.plain_web("bench.queued:create_app()"))
        worker = [sys.executable, "-m", "procrastinate", "--app", "bench.queued.app", "worker"]
        options = ["--concurrency", str(TASKS_AT_ONCE)]
        for number in range(1, (os.cpu_count() or 2) + 1):
            self.run(f"worker{number}", [*worker, *options, "--name", f"worker{number}"])
        self.wait_for_door(door)


class Floor(Contender):
    """The product's merge code in one process, with neither front door nor broker."""

    name = "floor"

    def prepare(self, connection: Connection, *, warm: int, count: int) -> None:
        """Write the ledger, start, and wait until it is warm."""
        plant_backlog(connection, self.world, first=0, count=warm + count, published=True)
        connection.execute("VACUUM ANALYZE job, batch", prepare=False)
        lanes = str(max(1, warm // 50))
        self.run("floor", [sys.executable, "-m", "bench.floor", lanes]).wait_for(re.escape(floor.WARM))

    def merge(self) -> float:
        """Let it run, and return what it says that it took."""
        (program,) = self.programs
        program.send(signal.SIGUSR1)
        program.wait_until(lambda: floor.TOOK in program.log, what="finish its lanes", seconds=ROUND_S)
        took = re.search(rf"{floor.TOOK} ([\d.]+)\n", program.log)
        if took is None:
            raise BenchError(f"The floor does not tell how long it took.\n{program.last_words()}")
        return float(took[1])


def wait_for_rest(connection: Connection, *, seconds: float = ROUND_S) -> None:
    """Wait until no job is unfinished."""

    def at_rest() -> bool:
        (row,) = run_query(connection, "count_unfinished", {"workspace_id": WORKSPACE_ID})
        return not row["unfinished"]

    wait_until(at_rest, seconds=seconds, every=LOOK_S, what="the last job to be finished")


def last_outcome_at(connection: Connection) -> float:
    """Return when the last job was finished, in seconds since 1970; every job must have ended as merged."""
    found = {row["outcome"]: row for row in run_query(connection, "count_outcomes", {"workspace_id": WORKSPACE_ID})}
    if found.keys() != {"merged"}:
        told = ", ".join(f"{row['jobs']} {outcome}" for outcome, row in found.items())
        raise BenchError(f"All jobs were to end as merged, and ended as: {told or 'nothing, for there are none'}.")
    return float(found["merged"]["last_at"])


def free_port() -> int:
    """Return a TCP port on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(contender: Contender) -> Iterator[Connection]:
    """Lend a connection to the database of *contender*, whose programs are stopped at the end and its database dropped.

    An error tells the ends of its logs.
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
