"""Sends requests of every kind while a test changes the system below them, and records failures."""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread

from tests.support.client import Client
from tests.support.waiting import wait_until


class Traffic:
    """Clients that write, merge, undo, read and export until they are stopped."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self._clients = clients
        self._over = Event()
        self.batches: list[tuple[Client, str]] = []
        #: A message for each request with an unexpected response.
        self.failures: list[str] = []
        self.rounds = 0

    @contextmanager
    def flowing(self) -> Iterator["Traffic"]:
        """Send requests during the block."""
        threads = [Thread(target=self._send, args=(client, number)) for number, client in enumerate(self._clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def advance(self, rounds: int = 2) -> None:
        """Wait until the clients have sent about *rounds* further rounds each."""
        goal = self.rounds + rounds * len(self._clients)
        wait_until(lambda: self.rounds >= goal or self.failures, seconds=90, what="further rounds of traffic")

    def jobs(self) -> list[dict[str, object]]:
        """Wait until all jobs are finished, and return them."""
        return [job for client, batch_id in self.batches for job in client.finished(batch_id)["jobs"]]

    def _send(self, client: Client, number: int) -> None:
        for turn in itertools.count():
            if self._over.is_set():
                return
            for request in _requests(client, self.batches, f"{number}-{turn}", random.Random(turn)):
                try:
                    request()
                except Exception as error:  # noqa: BLE001  every failure counts
                    self.failures.append(f"{type(error).__name__}: {str(error)[:300]}")
            self.rounds += 1


def _requests(
    client: Client, batches: list[tuple[Client, str]], name: str, chance: random.Random
) -> Iterator[Callable[[], object]]:
    """Yield the requests of one round."""
    orphan, survivor = f"orphan-{name}", f"survivor-{name}"
    person = {"first_name": "Ann", "email": f"{name}@example.com", "phone": "+49 30 123456", "vip": True}
    event = {"external_id": orphan, "name": "seen", "time": "2026-03-01T08:00:00Z"}
    yield lambda: client.track(
        attributes=[{"external_id": each, **person} for each in (orphan, survivor)], events=[event]
    )
    yield lambda: batches.append((client, client.merge([(orphan, survivor)])))
    yield lambda: client.export(external_ids=[orphan, survivor])
    yield lambda: _fine(client, f"/merge/batches/{batches[-1][1]}" if batches[-1][0] is client else "/merge/batches")
    for path in chance.sample(PATHS, 4):
        yield lambda path=path: _fine(client, path)  # type: ignore[misc]


PATHS = ("/profiles", "/merge/jobs", "/merge/batches", "/audit", "/duplicates/runs", "/webhooks", "/health/ready")


def _fine(client: Client, path: str) -> None:
    """Send a GET; fail unless the status is 200."""
    response = client.get(path)
    if response.status_code != 200:
        message = f"{path}: {response.status_code} {response.text[:200]}"
        raise AssertionError(message)
