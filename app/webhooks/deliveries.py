"""Notices on their way: taken in hand for a while, sent or given up, shown, and retried by hand."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.connections import Connection
from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.errors import Conflict, NotFound
from app.webhooks.secrets import Seed
from schemas.webhooks import NoticeState

QUERIES = load_queries("app.webhooks", "deliveries.sql")

#: Notices of one webhook that may be in hand at once, over all senders: a slow one keeps no more threads busy.
AT_ONCE = 4
#: By how much of itself a pause is longer or shorter than the schedule says.
JITTER = 0.1
#: Seconds for which a webhook may put us off with Retry-After.
LONGEST_PUT_OFF_S = 24 * 3600.0

NO_NOTICE = "There is no notice with this id."
NOT_DEAD = "This notice is {state}; only a dead one can be retried."
GONE = "The webhook answered 410 Gone."


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A workspace in which a sender has something to do: watched batches to look at, notices to send."""

    workspace_id: int
    watches: bool
    notices: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice, and what became of it."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A notice that a sender has in hand, with what it needs to send it."""

    workspace_id: int
    id: UUID
    webhook_id: UUID
    #: The attempt: another one that began meanwhile has another.
    holder: UUID
    url: str
    body: bytes
    #: How often it was sent before.
    attempts: int
    #: What the secrets are made of that sign it, the newest first.
    seeds: Sequence[Seed] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What became of an attempt: the status that was answered, or why there was none."""

    at: datetime
    status: int | None = None
    error: str | None = None
    #: Seconds for which the webhook wants to be left alone.
    retry_after_s: float = 0.0

    @property
    def gone(self) -> bool:
        """Whether the webhook wants nothing any more."""
        return self.status == 410  # noqa: PLR2004  Gone


def work(connection: Connection) -> list[Work]:
    """Return the workspaces in which something is due."""
    return [Work(**row) for row in connection.execute(QUERIES["workspaces_with_notices"])]


def take(tx: Transaction, *, holder: UUID, limit: int, lease_s: float) -> list[Taken]:
    """Return up to *limit* due notices, taken in hand by the attempt *holder* for *lease_s* seconds.

    Of each webhook no more are in hand at once than AT_ONCE, whoever takes them.
    """
    found = tx.execute(QUERIES["hold_due_webhooks"])
    webhooks = {row["id"]: row for row in found}
    if not webhooks:
        return []
    values = {
        "webhook_ids": list(webhooks),
        "at_once": AT_ONCE,
        "limit": limit,
        "holder": holder,
        "lease_s": lease_s,
    }
    rows = tx.execute(QUERIES["take_notices"], values).fetchall()
    return [_taken(row, webhooks[row["webhook_id"]], workspace_id=tx.workspace_id, holder=holder) for row in rows]


def end(tx: Transaction, taken: Taken, ending: Ending, *, pauses_s: Sequence[float]) -> Deferred[NoticeState | None]:
    """Note what became of an attempt; return what the notice is now, later: None when somebody else has it by now.

    A notice that was not sent waits for the next of *pauses_s*, and is dead when there is none or its webhook is gone,
    which is disabled then.
    """
    state = _state(taken, ending, pauses_s)
    values = {
        "workspace_id": taken.workspace_id,
        "id": taken.id,
        "holder": taken.holder,
        "state": state,
        "pause_s": _pause(taken, ending, pauses_s) if state is NoticeState.WAITING else 0.0,
        "at": ending.at,
        "status": ending.status,
        "error": ending.error,
    }
    cursor = tx.execute(QUERIES["end_attempt"], values)
    if ending.gone:
        webhook = {"workspace_id": taken.workspace_id, "webhook_id": taken.webhook_id, "url": taken.url}
        tx.execute(QUERIES["disable_webhook"], {**webhook, "reason": GONE})
    return Deferred(lambda: state if cursor.rowcount else None)


def list_notices(
    tx: Transaction,
    *,
    webhook_id: UUID,
    state: NoticeState | None,
    limit: int,
    before: UUID | None,
) -> list[Notice]:
    """Return up to *limit* notices of a webhook, newest first, older than the notice *before*."""
    page = {"webhook_id": webhook_id, "state": state, "limit": limit, "before": before}
    return [_notice(row) for row in tx.execute(QUERIES["list_notices"], page, prepare=False)]


def hold(tx: Transaction, *, webhook_id: UUID, notice_id: UUID) -> Notice:
    """Return a notice, locked; raise NotFound when the webhook has none of that id."""
    values = {"webhook_id": webhook_id, "id": notice_id}
    row = tx.execute(QUERIES["hold_notice"], values).fetchone()
    if row is None:
        raise NotFound(NO_NOTICE)
    return _notice(row)


def retry(tx: Transaction, *, webhook_id: UUID, notice_id: UUID) -> Notice:
    """Return a dead notice after it was let be sent again, under the id that it had.

    Raises NotFound when the webhook has none of that id, and Conflict when it is not dead.
    """
    found = hold(tx, webhook_id=webhook_id, notice_id=notice_id)
    if found.state is not NoticeState.DEAD:
        raise Conflict(NOT_DEAD.format(state=found.state))
    tx.execute(QUERIES["retry_notice"], {"id": notice_id})
    return hold(tx, webhook_id=webhook_id, notice_id=notice_id)


def prune(tx: Transaction, *, before: UUID, limit: int) -> Deferred[int]:
    """Forget up to *limit* notices older than the id *before* that were sent, are dead or wait in vain.

    Return how many, later.
    """
    values = {"before": before, "limit": limit}
    return tx.defer(QUERIES["prune_notices"], values, read=lambda cursor: cursor.rowcount)


def _state(taken: Taken, ending: Ending, pauses_s: Sequence[float]) -> NoticeState:
    """Return what a notice is after an attempt."""
    if ending.error is None:
        return NoticeState.SENT
    return NoticeState.DEAD if ending.gone or taken.attempts >= len(pauses_s) else NoticeState.WAITING


def _pause(taken: Taken, ending: Ending, pauses_s: Sequence[float]) -> float:
    """Return the seconds until the next attempt: what the schedule says, or longer when the webhook asks for it.

    They vary a little, so that notices that failed together do not come again together.
    """
    planned = pauses_s[taken.attempts] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  it is no secret
    return max(planned, min(ending.retry_after_s, LONGEST_PUT_OFF_S))


def _taken(row: Mapping[str, Any], webhook: Mapping[str, Any], *, workspace_id: int, holder: UUID) -> Taken:
    """Return the notice that *row* says, for the *webhook* of that row."""
    seeds = [Seed(salt=webhook["salt"], pepper=webhook["pepper"])]
    if webhook["former_holds"]:
        seeds.append(Seed(salt=webhook["former_salt"], pepper=webhook["former_pepper"]))
    return Taken(
        workspace_id=workspace_id,
        id=row["id"],
        webhook_id=row["webhook_id"],
        holder=holder,
        url=webhook["url"],
        body=row["body"].encode(),
        attempts=row["attempts"],
        seeds=seeds,
    )


def _notice(row: Mapping[str, Any]) -> Notice:
    """Return the notice that *row* says."""
    return Notice(**{**row, "state": NoticeState(row["state"])})
