"""The driver: writes families and posts their merges, several at once, at a steady pace, and keeps what it was told."""

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
from chaos.house import KEY, House
from chaos.planting import plant
from chaos.promises import Promise, Promises

#: What a path answers when it has accepted a request, where that is not 202.
STATUS = {"/users/identify": HTTPStatus.CREATED}
THREADS = 6
#: Families that are begun in a second, on average, when nothing is in the way.
PACE = 8.0
#: Merges that may be under way before no new family is begun: a strike's end is to be seen, not a backlog's.
MOST_UNDER_WAY = 400
#: Seconds between two looks at how many are under way.
LOOK_S = 0.2
#: Families that are begun at once: a backlog comes and goes, so that strikes meet long lanes, packed ones and none.
BURST = 24


class Desk(Protocol):
    """Where merges are asked for."""

    shapes: Sequence[Shape]
    """The families whose batches it can be asked for."""

    def accept(self, client: Client, batch: Batch, before: Promise | None) -> Promise | None:
        """Ask for *batch*, the one after *before*, until it is accepted; None when no ledger has what is promised."""

    def under_way(self) -> int | None:
        """Return how many merges are accepted and not done, None when nobody can tell."""


class FrontDoor:
    """The product's own desk: merge, identify and undo over HTTP, and the ledger for what cannot be posted."""

    shapes = WITH_UNDO

    def __init__(self, house: House) -> None:
        self._house = house

    def accept(self, client: Client, batch: Batch, before: Promise | None) -> Promise:
        """Ask for *batch* until it is accepted; one that waits is asked for when the one *before* it has ended."""
        if batch.raises_at is not None:
            batch_id = plant(self._house, batch)
        else:
            path = batch.path
            if batch.waits and before is not None:
                client.await_end(f"/merge/batches/{before.batch_id}")
                path = path.format(before=before.batch_id)
            answer = client.accept(path, batch.body, status=STATUS.get(path, HTTPStatus.ACCEPTED))
            batch_id = UUID(answer["batch_id"])
        return Promise(batch_id=batch_id, jobs=batch.jobs, raises_at=batch.raises_at)

    def under_way(self) -> int | None:
        """Return how many jobs are not settled, None while PostgreSQL is away."""
        try:
            with self._house.connect() as connection:
                return unsettled(connection)
        except psycopg.OperationalError:
            return None


class Driver:
    """Posts the families of a seed at a desk."""

    def __init__(
        self, house: House, desk: Desk, *, seed: str, pace: float = PACE, promises: Promises | None = None
    ) -> None:
        self.promises = Promises() if promises is None else promises
        self.answers = Answers()
        self._house = house
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
                raise ChaosError("The front door did not take the very first profile.")
        self._keep(family)

    def start(self) -> None:
        """Begin to post."""
        self._threads = ThreadPoolExecutor(THREADS + 1, thread_name_prefix="driver")
        self._began = monotonic()
        works = [self._watch, *[self._post_families] * THREADS]
        self._running = [self._threads.submit(work) for work in works]

    def finish(self) -> None:
        """Post what was begun to its end, and begin nothing new; raises what a thread raised."""
        self._over.set()
        self._room.set()
        if self._threads is not None:
            self._threads.shutdown()
        for each in self._running:
            each.result()

    def _post_families(self) -> None:
        """Post one family after the other, at the pace of all threads together."""
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
        """Open and close the way for new families, by how many merges are under way."""
        while not self._over.wait(LOOK_S):
            under_way = self._desk.under_way()
            if under_way is not None and under_way > MOST_UNDER_WAY:
                self._room.clear()
            elif under_way is not None:
                self._room.set()
        self._room.set()

    def _recipes(self) -> Iterator[Recipe]:
        """Yield the next recipe when its time has come, until it is over."""
        while not self._over.is_set():
            with self._lock:
                number = next(self._numbers)
            due = self._began + number // BURST * BURST / self._pace
            self._over.wait(max(0.0, due - monotonic()))
            self._room.wait()
            if not self._over.is_set():
                yield Recipe(self._seed, number, self._desk.shapes)

    def _written(self, client: Client, recipe: Recipe) -> Family:
        """Return the family of *recipe*, written for certain.

        A request that was not answered may have been carried out, so the family is made again under other names.
        """
        for attempt in count():
            family = recipe.make(attempt)
            if self._write(client, family):
                return family
        raise AssertionError

    def _write(self, client: Client, family: Family) -> bool:
        """Write a family's profiles; False when nobody can tell whether they are there."""
        response = client.post("/users/track", family.tracked())
        if response is not None and response.status_code == HTTPStatus.CREATED:
            return True
        with self._lock:
            self.promises.uncertain += 1
        client.wait_after(response)
        return False

    def _keep(self, family: Family) -> None:
        """Keep who belongs to which group."""
        with self._lock:
            for name, members in family.groups.items():
                self.promises.groups[name].extend(members)

    def _client(self) -> Client:
        """Return a client for one thread."""
        return Client(self._house.base_url, KEY, self.answers)
