"""Sends due deliveries: leases them, posts them to their webhooks in threads, records the results."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Self

import psycopg
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.transaction import run_in_transaction
from app.errors import DatabaseUnavailable, SetupError
from app.metrics.sender import DELIVERY_ATTEMPTS
from app.webhooks import deliveries
from app.webhooks.deliveries import AttemptResult, LeasedDelivery
from app.webhooks.secrets import derive_secret, signature_headers
from schemas.webhooks import NoticeState
from workers.sender.webhook_client import WebhookClient

log = logging.getLogger(__name__)

#: Without a setting, one workspace may use one SHAREth of the threads.
SHARE = 4
#: Seconds to wait for the answer to a running attempt before the pause between two rounds.
ANSWER_S = 0.05


class DeliverySender:
    """Empties the outbox of deliveries. One thread calls it; MERGELANE_WEBHOOK_THREADS threads speak to webhooks.

    The calling thread records the results, so that the others need no database. Results are kept while PostgreSQL is
    unavailable; the deliveries of a sender that died are leased again when their lease ends.
    """

    def __init__(self, pool: Pool, settings: Settings, client: WebhookClient) -> None:
        self._pool = pool
        self._settings = settings
        self._client = client
        self._threads = ThreadPoolExecutor(settings.webhook_threads, thread_name_prefix="sender")
        self._leased: dict[Future[AttemptResult], LeasedDelivery] = {}
        #: Longer than an attempt can take, so that a lease never ends during an attempt.
        self._lease_s = 2 * settings.webhook_timeout_s + 1
        #: Threads that one workspace may use, so that its slow webhooks do not delay those of others.
        self._share = settings.webhook_workspace_threads or max(1, settings.webhook_threads // SHARE)
        self._last_workspace_id = 0
        self._has_due_deliveries = True

    def __enter__(self) -> Self:
        """Return the sender itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the running attempts, at most MERGELANE_WEBHOOK_TIMEOUT_S."""
        self._threads.shutdown()

    @property
    def has_work(self) -> bool:
        """Whether an attempt runs, or the last round found a delivery that is due."""
        return bool(self._leased) or self._has_due_deliveries

    def run_once(self) -> int:
        """Record results and lease due deliveries for the free threads; return how many deliveries these were.

        Raises DatabaseUnavailable; no result is lost.
        """
        return self._record_results() + self._lease()

    def await_answer(self) -> int:
        """Wait up to ANSWER_S for the first running attempt to complete; return how many have completed.

        A webhook has few deliveries leased at once. With the pause between two rounds after each few, one that answers
        quickly would get sixteen notices a second, however many are due.
        """
        return len(wait(self._leased, timeout=ANSWER_S, return_when=FIRST_COMPLETED).done)

    def finish(self) -> int:
        """Wait for all running attempts and record their results; return how many there were."""
        wait(self._leased)
        return self._record_results()

    def _lease(self) -> int:
        """Lease due deliveries, workspace by workspace; return how many."""
        if len(self._leased) >= self._settings.webhook_threads:
            return 0
        with lend_connection(self._pool) as connection:
            due = [each.workspace_id for each in deliveries.find_due_work(connection) if each.deliveries]
        self._has_due_deliveries = bool(due)
        return sum(self._lease_of(workspace_id) for workspace_id in self._in_turn(due))

    def _in_turn(self, workspaces: Sequence[int]) -> Iterator[int]:
        """Yield *workspaces*, those after the last served one first, so that few threads serve all in turn."""
        yield from (each for each in workspaces if each > self._last_workspace_id)
        yield from (each for each in workspaces if each <= self._last_workspace_id)

    def _lease_of(self, workspace_id: int) -> int:
        """Lease due deliveries of a workspace, within its share of the threads; return how many."""
        threads = self._settings.webhook_threads
        busy = Counter(leased.workspace_id for leased in self._leased.values())[workspace_id]
        room = min(threads - len(self._leased), self._share - busy)
        if room <= 0:
            return 0
        self._last_workspace_id = workspace_id
        leased = run_in_transaction(
            self._pool,
            workspace_id,
            deliveries.lease_deliveries,
            lease_id=uuid7(),
            limit=room,
            lease_s=self._lease_s,
        )
        self._leased |= {self._threads.submit(self._attempt, each): each for each in leased}
        return len(leased)

    def _attempt(self, leased: LeasedDelivery) -> AttemptResult:
        """Sign and post a delivery; runs in a thread of its own."""
        at, peppers = leased.now(), self._settings.webhook_pepper
        try:
            secrets = [derive_secret(leased.webhook_id, seed, peppers) for seed in leased.seeds]
        except SetupError as error:
            return AttemptResult(at=at, error=str(error))
        try:
            headers = signature_headers(notice_id=leased.id, at=at, body=leased.body, secrets=secrets)
            return replace(self._client.post(leased.url, headers=headers, body=leased.body), at=at)
        except Exception as error:
            log.exception("notice_attempt_crashed", extra={"notice_id": str(leased.id)})
            return _crash(at, error)

    def _record_results(self) -> int:
        """Record the results of completed attempts; return how many.

        A result that cannot be recorded is recorded as a failure, and does not keep the others from being recorded.
        Raises the last error when that fails too, such as DatabaseUnavailable: the result is kept.
        """
        completed = [future for future in self._leased if future.done()]
        failure: Exception | None = None
        for future in completed:
            try:
                self._record_completed(self._leased[future], future)
            except Exception as error:  # noqa: BLE001  raised below
                failure = error
            else:
                del self._leased[future]
        if failure is not None:
            raise failure
        return len(completed)

    def _record_completed(self, leased: LeasedDelivery, future: Future[AttemptResult]) -> None:
        try:
            self._record(leased, future.result())
        except (DatabaseUnavailable, psycopg.OperationalError):
            raise
        except Exception as error:
            log.exception("notice_attempt_crashed", extra={"notice_id": str(leased.id)})
            self._record(leased, _crash(leased.now(), error))

    def _record(self, leased: LeasedDelivery, result: AttemptResult) -> None:
        pauses_s = self._settings.webhook_retries_s
        recorded = run_in_transaction(
            self._pool, leased.workspace_id, deliveries.record_attempt, leased, result, pauses_s=pauses_s
        )
        state = recorded.result()
        DELIVERY_ATTEMPTS.inc(1, state or "superseded")
        level = logging.INFO if state is NoticeState.SENT else logging.WARNING
        delivery = {"workspace_id": leased.workspace_id, "webhook_id": str(leased.webhook_id)}
        attempt = {"attempt": leased.attempts + 1, "status": result.status, "error": result.error}
        log.log(level, "notice_attempted", extra={**delivery, "notice_id": str(leased.id), "state": state, **attempt})


def _crash(at: datetime, error: BaseException) -> AttemptResult:
    """Return the result of an attempt that a bug ended."""
    return AttemptResult(at=at, error=f"The sender failed ({type(error).__name__}).")
