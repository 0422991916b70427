"""An installation with a driver: posts merges with known sums while a test injects a fault, then audits the result."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from random import Random
from threading import Event
from time import monotonic
from typing import Any
from uuid import UUID

from chaos.audit import Findings, audit, unsettled
from chaos.driver import Driver, MergeApi
from chaos.families import Member, Sums
from chaos.faults import FAULTS
from chaos.installation import KEY, Installation
from chaos.promises import Promise, Promises
from chaos.run import come_to_rest
from tests.support.client import Client
from tests.support.waiting import wait_until

NUMBERS = count(1)
#: Seconds until a job is sent again after its worker or message was lost: the setting of the installation.
BOUND_S = 5.0
#: Additional seconds for a busy machine to start processes and to do the work.
MACHINE_S = 25.0


class Harness:
    """An installation, and a record of every batch that it accepted."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.promises = Promises()

    def client(self) -> Client:
        """Return a client of the API. The caller closes it."""
        return Client(self.installation.base_url, KEY)

    @contextmanager
    def load(self, *, pace: float = 12.0) -> Iterator[Driver]:
        """Post families while the block runs. After it, post the rest of the families that were begun."""
        seed = f"test{next(NUMBERS)}"
        driver = Driver(self.installation, MergeApi(self.installation), seed=seed, pace=pace, promises=self.promises)
        driver.prepare()
        driver.start()
        try:
            yield driver
        finally:
            driver.finish()

        assert driver.answers.faults == []

    def strike(self, fault: str, *, seed: int = 1) -> float:
        """Inject one fault while families are posted. Return the seconds until no job and no message was left."""
        with self.load():
            self.wait_until_busy()
            began = monotonic()
            FAULTS[fault].harm(self.installation, Random(seed), Event())
            self.installation.wait_for_web()
        self.rest()
        return monotonic() - began

    def wait_until_busy(self) -> None:
        """Wait until a job is unfinished."""
        wait_until(lambda: self.unsettled() > 0, every=0.005, what="an unfinished job")

    def rest(self) -> None:
        """Wait until no job and no message is left."""
        _, left = come_to_rest(self.installation)

        assert left == []

    def unsettled(self) -> int:
        """Return the number of jobs that are not settled."""
        with self.installation.connect() as connection:
            return unsettled(connection)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Return the rows of a query that bypasses the proxy."""
        with self.installation.connect() as connection:
            return connection.execute(query.encode(), values).fetchall()

    def promise(self, batch_id: str, *pairs: tuple[str, str]) -> None:
        """Record a batch that a test posted without the driver: the merges of *pairs*, which the test wrote."""
        self.promises.batches.append(Promise(batch_id=UUID(batch_id), jobs=len(pairs), raises_at=None))
        for pair in pairs:
            self.promises.groups[" ".join(pair)].extend(map(once, pair))

    def audit(self) -> Findings:
        """Return the jobs and sums that differ from the record."""
        with self.installation.connect() as connection:
            return audit(connection, self.promises)

    def write(self, client: Client, names: Sequence[str]) -> None:
        """Store one profile with one login for each of *names*."""
        events = [event for name in names for event in once(name).tracked()["events"]]
        for start in range(0, len(events), 75):
            client.track(events=events[start : start + 75])


def once(name: str) -> Member:
    """Return a member with one login."""
    return Member(name=name, sums=Sums(1, 0, 0, 0))
