"""Steady load: clients that keep a bounded number of jobs waiting.

Each client waits for its oldest batch before it posts beyond its window. It checks a single batch: a query for all
unfinished jobs reads dead row versions, and becomes slow when there are many of these.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from threading import Event, Thread
from time import monotonic

from app.db.connections import Connection
from bench.client import ApiConnection
from bench.contenders import Mergelane
from bench.errors import BenchError
from bench.running import wait_until
from bench.world import WORKSPACE_ID, run_query

CLIENTS = 2
#: Unfinished batches of a client: enough for the relay to pack lanes, and too few to measure a backlog.
WINDOW = 10
#: Seconds between two checks of a batch.
CHECK_S = 0.02


class Load:
    """Clients that post *bodies*, with at most WINDOW unfinished batches each; at most *batches_per_s* if given."""

    def __init__(self, product: Mergelane, bodies: Iterable[bytes], batches_per_s: float | None = None) -> None:
        self._product = product
        self._bodies = deque(bodies)
        self._gap_s = CLIENTS / batches_per_s if batches_per_s else 0.0
        self._over = Event()
        self._busy = Event()
        self._failures: list[Exception] = []
        self._clients = [Thread(target=self._run, name=f"load{number}") for number in range(CLIENTS)]

    @property
    def spent(self) -> bool:
        """Whether the load has ended: all bodies were posted, or a client failed."""
        return not self._bodies or bool(self._failures)

    @property
    def left(self) -> int:
        """The number of bodies that were not posted."""
        return len(self._bodies)

    def start(self) -> None:
        """Start, and wait until the product is busy: a client has filled its window, or waits to keep its rate."""
        for client in self._clients:
            client.start()
        wait_until(lambda: self._busy.is_set() or self.spent, seconds=60, what="a backlog")

    def end(self) -> None:
        """Stop the clients."""
        self._over.set()
        for client in self._clients:
            client.join()

    def verify(self) -> None:
        """Raise BenchError when a client failed."""
        if self._failures:
            raise BenchError("A client that kept the product busy failed.") from self._failures[0]

    def _run(self) -> None:
        """Post until the end, and keep the error if there is one."""
        try:
            with closing(ApiConnection(self._product.port)) as api, self._connect() as connection:
                self._post(api, connection)
        except Exception as error:  # noqa: BLE001  raised in the thread that measures
            self._failures.append(error)

    def _post(self, api: ApiConnection, connection: Connection) -> None:
        unfinished: deque[str] = deque()
        due = monotonic()
        while not self._over.is_set():
            while len(unfinished) >= WINDOW and _is_finished(connection, unfinished[0]):
                unfinished.popleft()
            if len(unfinished) >= WINDOW or monotonic() < due:
                self._busy.set()
                self._over.wait(CHECK_S)
                continue
            # A client that fell behind its rate sends one request early, and not all delayed ones at once.
            due = max(due, monotonic() - self._gap_s) + self._gap_s
            try:
                body = self._bodies.popleft()
            except IndexError:
                return
            unfinished.append(api.post(body)["batch_id"])

    def _connect(self) -> Connection:
        """Return a connection to the product's database."""
        return self._product.ground.connect(self._product.database)


@contextmanager
def keeping_busy(product: Mergelane, bodies: Iterable[bytes], *, batches_per_s: float | None = None) -> Iterator[Load]:
    """Keep *product* busy during the block, while there are *bodies*. Raises BenchError if a client failed."""
    load = Load(product, bodies, batches_per_s)
    try:
        load.start()
        yield load
    finally:
        load.end()
    load.verify()


def _is_finished(connection: Connection, batch_id: str) -> bool:
    (row,) = run_query(connection, "is_batch_finished", {"workspace_id": WORKSPACE_ID, "batch_id": batch_id})
    return bool(row["finished"])
