"""The driver: writes families and posts their merges in parallel at a steady pace, and stores the accepted batches."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http import HTTPStatus
from itertools import count
from threading import Event, Lock
from time import monotonic
from typing import Protocol
from uuid import UUID

import psycopg

from chaos.audit import unsettled
from chaos.client import Answers, Client
from chaos.errors import ChaosError
from chaos.families import WITH_UNDO, Batch, Family, Member, Recipe, Shape, Sums, hub_of
from chaos.installation import KEY, Installation
from chaos.planting import plant
from chaos.promises import Promise, Promises

#: Path → status of an accepted request, where it is not 202.
STATUS = {"/users/identify": HTTPStatus.CREATED, "/users/track": HTTPStatus.CREATED}
THREADS = 6
#: Average number of families started per second without a backlog.
PACE = 8.0
#: Merges in progress above which no family starts: the report must measure recovery from a fault, not a backlog.
MOST_IN_PROGRESS = 400
#: Seconds between two counts of the merges in progress.
CHECK_S = 0.2
#: Families started at once: with a varying backlog, faults hit long lanes, packed lanes and idle workers.
BURST = 24


class MergeTarget(Protocol):
    """A system that accepts merges."""

    shapes: Sequence[Shape]
    """The families whose batches it accepts."""

    def accept(self, client: Client, batch: Batch, before: Promise | None) -> Promise | None:
        """Send *batch*, the one after *before*, until it is accepted; return None when there is no ledger."""

    def count_in_progress(self) -> int | None:
        """Return the number of accepted, unfinished merges, or None when it is unknown."""


class MergeApi:
    """Merge, identify and undo over HTTP. Invalid jobs are written directly into the ledger."""

    shapes = WITH_UNDO

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def accept(self, client: Client, batch: Batch, before: Promise | None) -> Promise | None:
        """Send *batch* until it is accepted. A batch that waits is sent after *before* has ended."""
        if batch.raises_at is not None:
            return Promise(batch_id=plant(self._installation, batch), jobs=batch.jobs, raises_at=batch.raises_at)
        path = batch.path
        if batch.waits and before is not None:
            if not before.is_finished:
                client.await_end(f"/merge/batches/{before.batch_id}")
            path = path.format(before=before.batch_id)
        headers = {"Prefer": "respond-async"} if batch.responds_async else {}
        status = STATUS.get(path, HTTPStatus.ACCEPTED)
        answer = client.accept(path, batch.body, status=status, headers=headers)
        if not batch.jobs:
            return None
        return Promise(
            batch_id=UUID(answer["batch_id"]),
            jobs=batch.jobs,
            raises_at=None,
            outcome=batch.outcome,
            is_finished=answer.get("batch", {}).get("state") == "finished",
        )

    def count_in_progress(self) -> int | None:
        """Return the number of jobs that have not ended, None while PostgreSQL is unavailable."""
        try:
            with self._installation.connect() as connection:
                return unsettled(connection)
        except psycopg.OperationalError:
            return None


class Driver:
    """Sends the families of a seed to a MergeTarget."""

    def __init__(
        self,
        installation: Installation,
        desk: MergeTarget,
        *,
        seed: str,
        pace: float = PACE,
        promises: Promises | None = None,
    ) -> None:
        self.promises = Promises() if promises is None else promises
        self.answers = Answers()
        self._installation = installation
        self._desk = desk
        self._seed = seed
        self._pace = pace
        self._numbers = count(1)
        self._lock = Lock()
        self._over = Event()
        self._room = Event()
        self._threads: ThreadPoolExecutor | None = None
        self._running: Sequence[Future[None]] = ()

    def prepare(self) -> None:
        """Write the survivor that all families of the shape `hub` share."""
        hub = Member(name=hub_of(self._seed), sums=Sums(1, 0, 0, 0))
        family = Family(name=hub.name, shape="hub", members=[hub], batches=[], groups={hub.name: [hub]})
        with closing(self._client()) as client:
            if not self._write(client, family):
                raise ChaosError("The API did not accept the first profile.")
        self._keep(family)

    def start(self) -> None:
        """Start to post."""
        self._threads = ThreadPoolExecutor(THREADS + 1, thread_name_prefix="driver")
        self._began = monotonic()
        works = [self._watch, *[self._post_families] * THREADS]
        self._running = [self._threads.submit(work) for work in works]

    def finish(self) -> None:
        """Finish the started families and start no new ones; raise an error of a thread."""
        self._over.set()
        self._room.set()
        if self._threads is not None:
            self._threads.shutdown()
        for each in self._running:
            each.result()

    def abandon(self) -> None:
        """End all threads without finishing anything, after an error of the run."""
        self.answers.abandoned = True
        self._over.set()
        self._room.set()
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    def _post_families(self) -> None:
        """Post families one by one; the pace is shared by all threads."""
        with closing(self._client()) as client:
            for recipe in self._recipes():
                family = self._written(client, recipe)
                promise = None
                for batch in family.batches:
                    promise = self._desk.accept(client, batch, promise)
                    if promise is not None:
                        with self._lock:
                            self.promises.batches.append(promise)
                self._keep(family)

    def _watch(self) -> None:
        """Allow or block new families by the number of merges in progress."""
        while not self._over.wait(CHECK_S):
            in_progress = self._desk.count_in_progress()
            if in_progress is not None and in_progress > MOST_IN_PROGRESS:
                self._room.clear()
            elif in_progress is not None:
                self._room.set()
        self._room.set()

    def _recipes(self) -> Iterator[Recipe]:
        """Yield each recipe at its time until the run ends."""
        while not self._over.is_set():
            with self._lock:
                number = next(self._numbers)
            due = self._began + number // BURST * BURST / self._pace
            self._over.wait(max(0.0, due - monotonic()))
            self._room.wait()
            if not self._over.is_set():
                yield Recipe(self._seed, number, self._desk.shapes)

    def _written(self, client: Client, recipe: Recipe) -> Family:
        """Write the family of *recipe* and return it.

        A request without a response may have had effect, so the family is created again under other names.
        """
        for attempt in count():
            family = recipe.make(attempt)
            if self._write(client, family):
                return family
        raise AssertionError

    def _write(self, client: Client, family: Family) -> bool:
        """Write a family's profiles; return False when it is unknown whether they exist."""
        response = client.post("/users/track", family.tracked())
        if response is not None and response.status_code == HTTPStatus.CREATED:
            return True
        with self._lock:
            self.promises.uncertain += 1
        client.wait_after(response)
        return False

    def _keep(self, family: Family) -> None:
        """Store the group of each member."""
        with self._lock:
            for name, members in family.groups.items():
                self.promises.groups[name].extend(members)

    def _client(self) -> Client:
        """Return a client for one thread."""
        return Client(self._installation.base_url, KEY, self.answers)
