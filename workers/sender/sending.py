"""Sending: due notices are taken in hand, brought to their webhooks by threads, and noted as sent or not."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.transaction import Transaction, run_in_transaction
from app.errors import SetupError
from app.webhooks import deliveries
from app.webhooks.deliveries import Ending, Taken
from app.webhooks.secrets import secret_of, signed_headers
from schemas.webhooks import NoticeState
from workers.sender.webhook_client import Courier

log = logging.getLogger(__name__)

#: The part of the threads that one workspace may keep busy: its slow webhooks hold up nobody else's.
SHARE = 4


class Sender:
    """Empties the outbox of notices. One thread calls it; as many as the settings say speak with webhooks.

    What has been answered is noted by the caller's thread, so that no thread that speaks needs the database. While
    that is away it is kept; a notice whose sender dies is another's when its time is up.
    """

    def __init__(self, pool: Pool, settings: Settings, courier: Courier) -> None:
        """Send the notices behind *pool* by *courier*."""
        self._pool = pool
        self._settings = settings
        self._courier = courier
        self._threads = ThreadPoolExecutor(settings.webhook_threads, thread_name_prefix="sender")
        self._in_hand: dict[Future[Ending], Taken] = {}
        #: Longer than an attempt can take, so that nobody is given up who only waits.
        self._lease_s = 2 * settings.webhook_timeout_s + 1
        #: The workspace that was served last.
        self._last = 0

    def __enter__(self) -> Self:
        """Return the sender itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is in hand; none of it takes longer than an attempt may."""
        self._threads.shutdown()

    def run_once(self) -> int:
        """Note what was answered and take what is due, as far as threads are free; return how many notices that were.

        Raises DatabaseUnavailable; nothing is lost then.
        """
        return self._note() + self._take()

    def finish(self) -> int:
        """Wait for all that is in hand and note what was answered; return how many notices that were."""
        wait(self._in_hand)
        return self._note()

    def _take(self) -> int:
        """Take due notices in hand, workspace by workspace; return how many."""
        if len(self._in_hand) >= self._settings.webhook_threads:
            return 0
        with lend_connection(self._pool) as connection:
            due = [each.workspace_id for each in deliveries.work(connection) if each.notices]
        return sum(self._take_of(workspace_id) for workspace_id in self._in_turn(due))

    def _in_turn(self, workspaces: Sequence[int]) -> Iterator[int]:
        """Yield *workspaces* beginning behind the one that was served last: with few threads all get their turn."""
        yield from (each for each in workspaces if each > self._last)
        yield from (each for each in workspaces if each <= self._last)

    def _take_of(self, workspace_id: int) -> int:
        """Take due notices of a workspace in hand, within its share of the threads; return how many."""
        threads = self._settings.webhook_threads
        busy = Counter(taken.workspace_id for taken in self._in_hand.values())[workspace_id]
        room = min(threads - len(self._in_hand), max(1, threads // SHARE) - busy)
        if room <= 0:
            return 0
        self._last = workspace_id
        holder = uuid7()

        def work(tx: Transaction) -> list[Taken]:
            return deliveries.take(tx, holder=holder, limit=room, lease_s=self._lease_s)

        taken = run_in_transaction(self._pool, workspace_id, work)
        self._in_hand |= {self._threads.submit(self._bring, each): each for each in taken}
        return len(taken)

    def _bring(self, taken: Taken) -> Ending:
        """Return what became of an attempt, in a thread of its own."""
        at, peppers = datetime.now(UTC), self._settings.webhook_pepper
        try:
            secrets = [secret_of(taken.webhook_id, seed, peppers) for seed in taken.seeds]
        except SetupError as error:
            return Ending(at=at, error=str(error))
        headers = signed_headers(notice_id=taken.id, at=at, body=taken.body, secrets=secrets)
        return self._courier.bring(taken.url, headers=headers, body=taken.body)

    def _note(self) -> int:
        """Note what became of the attempts that are over; return how many."""
        over = [future for future in self._in_hand if future.done()]
        for future in over:
            self._note_one(self._in_hand[future], future.result())
            del self._in_hand[future]
        return len(over)

    def _note_one(self, taken: Taken, ending: Ending) -> None:
        """Note what became of one attempt."""
        later = run_in_transaction(
            self._pool, taken.workspace_id, deliveries.end, taken, ending, pauses_s=self._settings.webhook_retries_s
        )
        state = later.result()
        level = logging.INFO if state is NoticeState.SENT else logging.WARNING
        told = {"workspace_id": taken.workspace_id, "webhook_id": str(taken.webhook_id), "notice_id": str(taken.id)}
        outcome = {"state": state, "attempt": taken.attempts + 1, "status": ending.status, "error": ending.error}
        log.log(level, "notice", extra={**told, **outcome})
