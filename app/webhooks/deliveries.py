"""Deliveries of notices: leased by senders, recorded after each attempt, listed, and retried on request."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from app.db.citus.work import FINDERS, WorkKind
from app.db.connections import Connection
from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.errors import Conflict, NotFound
from app.webhooks.secrets import SecretSeed
from schemas.webhooks import NoticeState

QUERIES = load_queries("app.webhooks", "deliveries.sql")

#: Deliveries of one webhook that may be leased at once, by all senders together: a slow webhook blocks no more threads.
AT_ONCE = 4
#: Deliveries of a webhook that a count reads at most.
MOST_COUNTED = 1_000
#: The part of itself by which a pause may deviate from the schedule.
JITTER = 0.1
#: Seconds by which a webhook can delay the next attempt with Retry-After.
MAX_RETRY_AFTER_S = 24 * 3600.0

NO_DELIVERY = "There is no notice with this id."
NOT_DEAD = "This notice is {state}; only a dead one can be retried."
GONE = "The webhook answered 410 Gone."


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWork:
    """A workspace with watched batches to check, or with deliveries to send."""

    workspace_id: int
    watches: bool
    deliveries: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NextWork:
    """Seconds until the next check of a watched batch and the next attempt of a delivery; None without one."""

    watch_s: float | None
    delivery_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A notice to one webhook, and the result of its last attempt."""

    id: UUID
    webhook_id: UUID
    type: str
    batch_id: UUID | None
    state: NoticeState
    attempts: int
    created_at: datetime
    attempted_at: datetime | None
    last_status: int | None
    last_error: str | None
    ended_at: datetime | None
    next_attempt_at: datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Delivery":
        """Return the delivery of a table row."""
        return cls(**{**row, "state": NoticeState(row["state"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedDelivery:
    """A delivery that a sender has leased, with everything that one attempt needs."""

    workspace_id: int
    id: UUID
    webhook_id: UUID
    #: Identifies the lease. When the lease ends, the next sender's lease has another id.
    lease_id: UUID
    url: str
    body: bytes
    #: Earlier attempts.
    attempts: int
    #: Seeds of the secrets that sign it, the newest first.
    seeds: Sequence[SecretSeed] = field(repr=False)
    #: The time of the lease by PostgreSQL's clock, and by the monotonic clock of this process.
    leased_at: datetime
    leased_s: float = field(default_factory=monotonic)

    def now(self) -> datetime:
        """Return the present time by PostgreSQL's clock."""
        return self.leased_at + timedelta(seconds=monotonic() - self.leased_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """The result of one attempt: the status of the response, and why it counts as failed."""

    #: The start of the attempt by PostgreSQL's clock; None until the sender sets it.
    at: datetime | None = None
    status: int | None = None
    error: str | None = None
    #: Seconds that the response's Retry-After header requests.
    retry_after_s: float = 0.0

    @property
    def gone(self) -> bool:
        """Whether the webhook wants no notices any more."""
        return self.status == 410  # noqa: PLR2004  Gone


def seconds_until_due_work(connection: Connection) -> NextWork:
    """Return when the next watched batch and the next delivery are due, over all workspaces."""
    (row,) = connection.execute(QUERIES["seconds_until_due_work"]).fetchall()
    return NextWork(**row)


def find_due_work(connection: Connection) -> list[DueWork]:
    """List the workspaces in which batches or deliveries are due."""
    finder = FINDERS.of(connection)
    if finder is not None:
        watches = frozenset(finder.workspaces(connection, WorkKind.WATCHES))
        due = frozenset(finder.workspaces(connection, WorkKind.DELIVERIES))
        return [
            DueWork(workspace_id=each, watches=each in watches, deliveries=each in due)
            for each in sorted(watches | due)
        ]
    return [DueWork(**row) for row in connection.execute(QUERIES["workspaces_with_due_deliveries"])]


def lease_deliveries(tx: Transaction, *, lease_id: UUID, limit: int, lease_s: float) -> list[LeasedDelivery]:
    """Lease up to *limit* due deliveries for *lease_s* seconds, at most AT_ONCE of one webhook over all senders."""
    webhooks = {row["id"]: row for row in tx.execute(QUERIES["lock_due_webhooks"])}
    if not webhooks:
        return []
    values = {
        "webhook_ids": list(webhooks),
        "at_once": AT_ONCE,
        "limit": limit,
        "lease_id": lease_id,
        "lease_s": lease_s,
    }
    rows = tx.execute(QUERIES["lease_deliveries"], values).fetchall()
    return [_leased(row, webhooks[row["webhook_id"]], tx=tx, lease_id=lease_id) for row in rows]


def record_attempt(
    tx: Transaction, leased: LeasedDelivery, result: AttemptResult, *, pauses_s: Sequence[float]
) -> Deferred[NoticeState | None]:
    """Record the result of an attempt; return the state of the delivery, or None when the lease was lost.

    A failed delivery waits for the next of *pauses_s*. It is dead when there is none, or when the webhook answered 410
    Gone, which also disables the webhook.
    """
    state = _next_state(leased, result, pauses_s)
    values = {
        "id": leased.id,
        "lease_id": leased.lease_id,
        "state": state,
        "pause_s": _pause(leased, result, pauses_s) if state is NoticeState.WAITING else 0.0,
        "at": result.at,
        "status": result.status,
        "error": result.error,
    }
    recorded = tx.defer(QUERIES["record_attempt"], values, read=lambda cursor: state if cursor.rowcount else None)
    if result.gone:
        tx.execute(QUERIES["disable_webhook"], {"webhook_id": leased.webhook_id, "url": leased.url, "reason": GONE})
    return recorded


def list_deliveries(
    tx: Transaction,
    *,
    webhook_id: UUID,
    state: NoticeState | None,
    limit: int,
    before: UUID | None,
) -> list[Delivery]:
    """Return up to *limit* deliveries of a webhook, newest first, older than *before*; *state* None lists all."""
    page = {"webhook_id": webhook_id, "state": state, "limit": limit, "before": before}
    return [Delivery.from_row(row) for row in tx.execute(QUERIES["list_deliveries"], page)]


def count_deliveries(tx: Transaction, *, webhook_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[NoticeState, int]]:
    """Return for each webhook the number of deliveries by state among its newest MOST_COUNTED."""
    found: dict[UUID, dict[NoticeState, int]] = {each: {} for each in webhook_ids}
    for row in tx.execute(QUERIES["count_deliveries"], {"webhook_ids": list(webhook_ids), "bound": MOST_COUNTED}):
        found[row["webhook_id"]][NoticeState(row["state"])] = row["deliveries"]
    return found


def lock_delivery(tx: Transaction, *, webhook_id: UUID, notice_id: UUID) -> Delivery:
    """Lock a delivery and return it; raise NotFound when the webhook has none of that id."""
    values = {"webhook_id": webhook_id, "id": notice_id}
    row = tx.execute(QUERIES["lock_delivery"], values).fetchone()
    if row is None:
        raise NotFound(NO_DELIVERY)
    return Delivery.from_row(row)


def retry_delivery(tx: Transaction, *, webhook_id: UUID, notice_id: UUID) -> Delivery:
    """Queue a dead delivery again, under its own id, and return it.

    Raises NotFound when the webhook has none of that id, and Conflict when it is not dead.
    """
    found = lock_delivery(tx, webhook_id=webhook_id, notice_id=notice_id)
    if found.state is not NoticeState.DEAD:
        raise Conflict(NOT_DEAD.format(state=found.state))
    tx.execute(QUERIES["retry_delivery"], {"id": notice_id})
    return lock_delivery(tx, webhook_id=webhook_id, notice_id=notice_id)


def prune_deliveries(tx: Transaction, *, age: timedelta, limit: int) -> Deferred[int]:
    """Delete up to *limit* deliveries created more than *age* ago that are sent, dead, or for a disabled webhook.

    Returns their number.
    """
    values = {"age": age, "limit": limit}
    return tx.defer(QUERIES["prune_deliveries"], values, read=lambda cursor: cursor.rowcount)


def _next_state(leased: LeasedDelivery, result: AttemptResult, pauses_s: Sequence[float]) -> NoticeState:
    if result.error is None:
        return NoticeState.SENT
    return NoticeState.DEAD if result.gone or leased.attempts >= len(pauses_s) else NoticeState.WAITING


def _pause(leased: LeasedDelivery, result: AttemptResult, pauses_s: Sequence[float]) -> float:
    """Return the seconds until the next attempt: those of the schedule, or those of Retry-After when longer.

    They vary a little, so that deliveries that failed together are not retried together.
    """
    planned = pauses_s[leased.attempts] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  it is no secret
    return max(planned, min(result.retry_after_s, MAX_RETRY_AFTER_S))


def _leased(row: Mapping[str, Any], webhook: Mapping[str, Any], *, tx: Transaction, lease_id: UUID) -> LeasedDelivery:
    seeds = [SecretSeed(salt=webhook["salt"], pepper=webhook["pepper"])]
    if webhook["former_is_valid"]:
        seeds.append(SecretSeed(salt=webhook["former_salt"], pepper=webhook["former_pepper"]))
    return LeasedDelivery(
        workspace_id=tx.workspace_id,
        id=row["id"],
        webhook_id=row["webhook_id"],
        lease_id=lease_id,
        url=webhook["url"],
        body=row["body"].encode(),
        attempts=row["attempts"],
        seeds=seeds,
        leased_at=row["leased_at"],
    )
