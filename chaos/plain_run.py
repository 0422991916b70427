"""One run of the comparison: the same driver and monkey, against Celery without the ledger."""

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
from chaos.audit import Findings, audit_groups, messages
from chaos.client import Client
from chaos.driver import Driver
from chaos.families import SHAPES, Batch, Json
from chaos.house import WORKSPACE, House, house
from chaos.monkey import plans, strike_all
from chaos.promises import Promise
from chaos.run import Options
from cli.up import commands
from workers.celery import make_celery

QUERIES = load_queries("chaos", "plain.sql")
TASK = "chaos.plain.merge"
#: Seconds between two tries to send a task when the broker does not take it.
PAUSE_S = 0.2
#: Seconds for which the queue must have been empty before everything that will ever run has run.
QUIET_S = 20.0
REST_S = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainResult:
    """What the comparison came to."""

    options: Options
    strikes: int
    tasks: int
    #: Tasks that Celery took and that never ran to their end.
    lost: int
    #: Tasks that ran to their end more than once.
    repeated: int
    #: Of those, the ones that told something else than `merged` afterwards, although they had merged.
    contradicted: int
    #: Sends that Celery refused while Redis was away, and that were made again.
    refused: int
    #: What the same auditor says of the sums.
    findings: Findings


class Delay:
    """The comparison's desk: `.delay()` for each update, again until Celery does not raise."""

    shapes = SHAPES

    def __init__(self, home: House, workspace_id: int) -> None:
        self.tasks: set[UUID] = set()
        self.refused = 0
        self._home = home
        self._workspace_id = workspace_id
        self._celery = make_celery(Settings(broker_url=home.proxied_broker_url))
        self._lock = Lock()
        self._pause = Event()

    def accept(self, client: Client, batch: Batch, before: Promise | None) -> None:  # noqa: ARG002  no door, no order
        """Send every update of *batch* as a task of its own."""
        for kind, orphan, survivor in updates(batch):
            task_id = uuid7()
            while not self._sent(task_id, kind, orphan, survivor):
                self._pause.wait(PAUSE_S)
            with self._lock:
                self.tasks.add(task_id)

    def under_way(self) -> int | None:
        """Return how many messages wait or are being worked on, None while Redis is away."""
        try:
            with self._home.redis_client() as client:
                return messages(client)
        except redis.RedisError:
            return None

    def _sent(self, task_id: UUID, kind: str, orphan: Json, survivor: Json) -> bool:
        """Tell whether Celery took the task."""
        arguments = (self._workspace_id, kind, orphan, survivor)
        try:
            self._celery.send_task(TASK, args=arguments, task_id=str(task_id))
        except (OperationalError, OSError):
            with self._lock:
                self.refused += 1
            return False
        return True


def updates(batch: Batch) -> Iterator[tuple[str, Json, Json]]:
    """Yield kind, orphan and survivor of each update of *batch* that a task can be made of."""
    for update in batch.body.get("merge_updates", ()):
        yield "merge", update["identifier_to_merge"], update["identifier_to_keep"]
    for given in batch.body.get("aliases_to_identify", ()):
        yield "identify", {"user_alias": given["user_alias"]}, {"external_id": given["external_id"]}


def run_plain(options: Options, *, tell: Callable[[str], None]) -> PlainResult:
    """Run Celery without the ledger under the monkey's hands and return what came of it."""
    with house() as home:
        desk = Delay(home, _prepare(home))
        driver = Driver(home, desk, seed=options.seed, pace=options.pace)
        _run_processes(home, options.workers)
        driver.prepare()
        planned = plans(options.seed, seconds=options.seconds, gap_s=options.gap_s, only=options.only)
        tell(f"{len(planned)} strikes in {options.seconds:g} s; the logs are in {home.folder}.")
        driver.start()
        strikes = strike_all(home, planned, seed=options.seed, seconds=options.seconds)
        home.make_whole()
        home.wait_for_web()
        driver.finish()
        tell(f"Celery took {len(desk.tasks)} tasks; waiting until nothing moves any more.")
        _come_to_rest(home)
        return _result(options, home, driver, desk, len(strikes))


def _prepare(home: House) -> int:
    """Make the table of runs; return the number of the workspace."""
    with home.connect() as connection:
        connection.execute(QUERIES["make_table"])
        connection.execute(QUERIES["open_table"])
        (row,) = connection.execute(QUERIES["workspace_id"], {"workspace": WORKSPACE}).fetchall()
    workspace_id: int = row["workspace_id"]
    return workspace_id


def _run_processes(home: House, workers: int) -> None:
    """Keep the front door, for the writing of profiles, and the plain workers running."""
    home.run("web", commands.web(host="127.0.0.1", port=home.port))
    for number in range(1, workers + 1):
        name = f"worker{number}"
        command = [*commands.worker(name)]
        command[command.index("-A") + 1] = "chaos.plain"
        home.run(name, [sys.executable, *command[1:]])
    home.wait_for_web()


def _come_to_rest(home: House) -> None:
    """Wait until nothing has moved for a while: what has not run by then never will."""
    quiet = 0.0
    waited = 0.0
    while quiet < QUIET_S and waited < REST_S:
        with home.redis_client() as client:
            quiet = quiet + 1 if messages(client) == 0 else 0.0
        waited += 1
        home.keeper.pause(1)


def _result(options: Options, home: House, driver: Driver, desk: Delay, strikes: int) -> PlainResult:
    """Return what came of the tasks that Celery took."""
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
