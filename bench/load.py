"""Full load: clients that see to it that jobs always wait, so that no worker is ever idle."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from threading import Event, Thread

from app.db.connections import Connection
from bench.client import Door
from bench.contenders import Mergelane
from bench.errors import BenchError
from bench.running import wait_until
from bench.world import WORKSPACE_ID, run_query

CLIENTS = 2
#: Waiting jobs: enough for the relay to pack lanes, and too few to measure a backlog.
WAITING = 1_000
#: Seconds between two looks at how many wait.
LOOK_S = 0.02


class Load:
    """Clients that post *bodies* whenever fewer jobs than WAITING wait."""

    def __init__(self, product: Mergelane, bodies: Sequence[bytes]) -> None:
        self._product = product
        self._bodies = deque(bodies)
        self._over = Event()
        self._failures: list[Exception] = []
        self._clients = [Thread(target=self._post, name=f"load{number}") for number in range(CLIENTS)]

    @property
    def spent(self) -> bool:
        """Whether nothing is left to be posted, or a client has failed: the load is at an end."""
        return not self._bodies or bool(self._failures)

    def start(self) -> None:
        """Begin, and wait until the product is busy."""
        for client in self._clients:
            client.start()
        with self._connect() as connection:
            wait_until(lambda: _waiting(connection) > WAITING or self.spent, seconds=60, what="a backlog")

    def end(self) -> None:
        """Post nothing more."""
        self._over.set()
        for client in self._clients:
            client.join()

    def verify(self) -> None:
        """Raise BenchError when a client failed."""
        if self._failures:
            raise BenchError("A client that kept the product busy failed.") from self._failures[0]

    def _post(self) -> None:
        """Post for as long as it takes."""
        try:
            with closing(Door(self._product.port)) as door, self._connect() as connection:
                while not self._over.is_set() and self._bodies:
                    if _waiting(connection) > WAITING:
                        self._over.wait(LOOK_S)
                    else:
                        self._post_next(door)
        except Exception as error:  # noqa: BLE001  raised in the thread that measures
            self._failures.append(error)

    def _post_next(self, door: Door) -> None:
        """Post the next body, unless another client has just taken the last."""
        try:
            body = self._bodies.popleft()
        except IndexError:
            return
        door.post(body)

    def _connect(self) -> Connection:
        """Return a connection to the product's database."""
        return self._product.ground.connect(self._product.database)


@contextmanager
def keeping_busy(product: Mergelane, bodies: Sequence[bytes]) -> Iterator[Load]:
    """Keep *product* busy for as long as the block lasts and *bodies* do. Raises BenchError when a client fails."""
    load = Load(product, bodies)
    try:
        load.start()
        yield load
    finally:
        load.end()
    load.verify()


def _waiting(connection: Connection) -> int:
    """Return how many jobs wait, counted up to the bound."""
    (row,) = run_query(connection, "count_waiting", {"workspace_id": WORKSPACE_ID, "most": WAITING + 1})
    return int(row["jobs"])
