"""One run of the comparison: the same driver and faults, against Celery without the ledger."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any
from uuid import UUID

import redis
from kombu.exceptions import OperationalError
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.queries import load_queries
from chaos.audit import Findings, audit_groups
from chaos.client import Client
from chaos.driver import Driver
from chaos.families import SHAPES, Batch, Json
from chaos.installation import WORKSPACE, Installation, running_installation
from chaos.monkey import plans, strike_all
from chaos.promises import Promise
from chaos.queues import messages
from chaos.run import Options
from cli.up import commands
from workers.celery import make_celery

QUERIES = load_queries("chaos", "plain.sql")
TASK = "chaos.plain.merge"
#: Seconds between two tries to send a task that the broker refused.
PAUSE_S = 0.2
#: Seconds with an empty queue after which no further task will run.
QUIET_S = 20.0
REST_S = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainResult:
    """The result of the comparison."""

    options: Options
    strikes: int
    tasks: int
    #: Tasks that Celery accepted and that never completed.
    lost: int
    #: Tasks that completed more than once.
    repeated: int
    #: Repeated tasks that merged and reported another outcome than `merged` afterwards.
    contradicted: int
    #: Sends that Celery refused while Redis was unavailable; the driver sent them again.
    refused: int
    #: The result of the same audit of the sums.
    findings: Findings


class Delay:
    """Sends each update as a task, and repeats this until Celery accepts it."""

    shapes = SHAPES

    def __init__(self, home: Installation, workspace_id: int) -> None:
        self.tasks: set[UUID] = set()
        self.refused = 0
        self._home = home
        self._workspace_id = workspace_id
        self._celery = make_celery(Settings(broker_url=home.proxied_broker_url))
        self._lock = Lock()
        self._pause = Event()

    def accept(self, client: Client, batch: Batch, before: Promise | None) -> None:  # noqa: ARG002  no API, no order
        """Send each update of *batch* as a task."""
        for kind, orphan, survivor in updates(batch):
            task_id = uuid7()
            while not self._sent(task_id, kind, orphan, survivor):
                self._pause.wait(PAUSE_S)
            with self._lock:
                self.tasks.add(task_id)

    def count_in_progress(self) -> int | None:
        """Return the number of waiting and unacknowledged messages, None while Redis is unavailable."""
        try:
            with self._home.redis_client() as client:
                return messages(client)
        except redis.RedisError:
            return None

    def _sent(self, task_id: UUID, kind: str, orphan: Json, survivor: Json) -> bool:
        """Send the task; return whether Celery accepted it."""
        arguments = (self._workspace_id, kind, orphan, survivor)
        try:
            self._celery.send_task(TASK, args=arguments, task_id=str(task_id))
        except (OperationalError, OSError):
            with self._lock:
                self.refused += 1
            return False
        return True


def updates(batch: Batch) -> Iterator[tuple[str, Json, Json]]:
    """Yield kind, orphan and survivor of each valid update of *batch*."""
    for update in batch.body.get("merge_updates", ()):
        yield "merge", update["identifier_to_merge"], update["identifier_to_keep"]
    for given in batch.body.get("aliases_to_identify", ()):
        yield "identify", {"user_alias": given["user_alias"]}, {"external_id": given["external_id"]}


def run_plain(options: Options, *, log: Callable[[str], None]) -> PlainResult:
    """Run Celery without the ledger while faults are injected, and audit it."""
    with running_installation() as home:
        desk = Delay(home, _prepare(home))
        driver = Driver(home, desk, seed=options.seed, pace=options.pace)
        _run_processes(home, options.workers)
        driver.prepare()
        planned = plans(options.seed, seconds=options.seconds, gap_s=options.gap_s, only=options.only)
        log(f"{len(planned)} strikes in {options.seconds:g} s; the logs are in {home.folder}.")
        driver.start()
        strikes = strike_all(home, planned, seed=options.seed, seconds=options.seconds)
        home.make_whole()
        home.wait_for_web()
        driver.finish()
        log(f"Celery accepted {len(desk.tasks)} tasks; waiting until the queue stays empty.")
        _come_to_rest(home)
        return _result(options, home, driver, desk, len(strikes))


def _prepare(home: Installation) -> int:
    """Create the table of runs; return the id of the workspace."""
    with home.connect() as connection:
        connection.execute(QUERIES["make_table"])
        connection.execute(QUERIES["open_table"])
        (row,) = connection.execute(QUERIES["workspace_id"], {"workspace": WORKSPACE}).fetchall()
    workspace_id: int = row["workspace_id"]
    return workspace_id


def _run_processes(home: Installation, workers: int) -> None:
    """Keep the web server, which writes the profiles, and the plain workers running."""
    home.run("web", commands.web(host="127.0.0.1", port=home.port))
    for number in range(1, workers + 1):
        name = f"worker{number}"
        command = [*commands.worker(name)]
        command[command.index("-A") + 1] = "chaos.plain"
        home.run(name, [sys.executable, *command[1:]])
    home.wait_for_web()


def _come_to_rest(home: Installation) -> None:
    """Wait until the queue was empty for QUIET_S: other tasks will never run."""
    quiet = 0.0
    waited = 0.0
    while quiet < QUIET_S and waited < REST_S:
        with home.redis_client() as client:
            quiet = quiet + 1 if messages(client) == 0 else 0.0
        waited += 1
        home.keeper.pause(1)


def _result(options: Options, home: Installation, driver: Driver, desk: Delay, strikes: int) -> PlainResult:
    """Return the result of the accepted tasks."""
    findings = Findings()
    with home.connect() as connection:
        runs: Mapping[UUID, Any] = {row["task_id"]: row for row in connection.execute(QUERIES["runs_of_tasks"])}
        findings.merged = sum(row["merged"] for row in runs.values())
        audit_groups(connection, driver.promises.groups, findings)
    return PlainResult(
        options=options,
        strikes=strikes,
        tasks=len(desk.tasks),
        lost=len(desk.tasks - runs.keys()),
        repeated=sum(row["runs"] > 1 for row in runs.values()),
        contradicted=sum(row["merged"] and row["outcomes"] > 1 for row in runs.values()),
        refused=desk.refused,
        findings=findings,
    )
