"""The ledger as the front door uses it: a batch and its jobs are durable before the answer leaves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.db.connections import Pool
from app.db.queries import load_queries
from app.db.transaction import Transaction, run_in_transaction
from app.ledger.backlog import Backlogs
from app.ledger.idempotency import IdempotencyKey, first_use
from app.ledger.lanes import lane_heads
from app.logs import request_id
from app.metrics.http import ACCEPTED_JOBS
from app.telemetry.spans import current_traceparent
from schemas.identifiers import Email, Member, Phone, Recorded, plain_value, sharing_key, to_record
from schemas.merge import Update
from schemas.outcomes import BatchSource, JobKind

QUERIES = load_queries("app.ledger", "accept.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A batch that is durable; *replayed* when an earlier request with the same Idempotency-Key made it so."""

    batch_id: UUID
    replayed: bool = False
    #: How many jobs it was given now.
    jobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A batch that is to be made: what is asked for, by whom, and its id, which sorts by the time of its making."""

    api_key_id: UUID | None
    path: str
    kind: JobKind
    updates: Sequence[Update[Recorded]]
    #: Places of the updates in the request, ascending; None when every object of it became an update.
    places: Sequence[int] | None = None
    source: BatchSource = BatchSource.API
    #: The run over duplicates that makes it, if one does.
    run_id: UUID | None = None
    id: UUID = field(default_factory=uuid7)

    def to_row(self) -> dict[str, Any]:
        """Return it, with its jobs, as the query takes it."""
        return {
            "batch_id": self.id,
            "api_key_id": self.api_key_id,
            "path": self.path,
            "source": self.source,
            "run_id": self.run_id,
            "kind": self.kind,
            **origin(),
            "jobs": Jsonb(_jobs(self.updates, range(len(self.updates)) if self.places is None else self.places)),
        }


def insert(tx: Transaction, batch: NewBatch) -> None:
    """Make *batch* and its jobs, in the caller's transaction."""
    tx.execute(QUERIES["insert_batch"], batch.to_row())


def accept(  # noqa: PLR0913  one request has as many sides
    pool: Pool,
    *,
    workspace_id: int,
    api_key_id: UUID,
    path: str,
    kind: JobKind,
    updates: Sequence[Update[Recorded]],
    places: Sequence[int] | None = None,
    idempotency: IdempotencyKey | None = None,
    backlogs: Backlogs,
) -> Accepted:
    """Return the batch that *updates* became, one job for each, in their order; durable when this returns.

    *places* are their places in the request, ascending, where not all of its objects became updates.

    Raises Conflict when the Idempotency-Key stands in the way, DatabaseUnavailable when PostgreSQL does not answer, and
    Overloaded when too many of the workspace's jobs wait; what was accepted before is found again all the same.
    """
    # Ids are made here, once: they sort by the time of their making, and a repeated transaction uses them again.
    batch = NewBatch(api_key_id=api_key_id, path=path, kind=kind, updates=updates, places=places)
    row = batch.to_row()

    def work(tx: Transaction) -> Accepted:
        if idempotency is not None:
            earlier = first_use(tx, idempotency, path=path, batch_id=batch.id)
            if earlier is not None:
                return Accepted(batch_id=earlier, replayed=True)
        backlogs.require_room(tx)
        tx.execute(QUERIES["insert_batch"], row)
        return Accepted(batch_id=batch.id, jobs=len(updates))

    accepted = run_in_transaction(pool, workspace_id, work)
    if not accepted.replayed:
        backlogs.accepted(workspace_id=workspace_id, jobs=accepted.jobs)
        ACCEPTED_JOBS.add(accepted.jobs, kind)
    return accepted


def origin() -> dict[str, str | None]:
    """Return what a batch keeps of the request that makes it: its id, and where its trace goes on."""
    return {"request_id": request_id.get() or None, "traceparent": current_traceparent.get() or None}


def _jobs(updates: Sequence[Update[Recorded]], places: Sequence[int]) -> list[dict[str, Any]]:
    """Return the rows of the jobs that *updates*, at *places* of the request, become."""
    lanes = lane_heads([(sharing_key(update.orphan), sharing_key(update.survivor)) for update in updates])
    return [
        {
            "id": str(uuid7()),
            "index": places[nth],
            "lane": places[lane],
            "orphan": to_record(update.orphan),
            "survivor": to_record(update.survivor),
            "search_keys": list(dict.fromkeys((*_search_keys(update.orphan), *_search_keys(update.survivor)))),
        }
        for nth, (update, lane) in enumerate(zip(updates, lanes, strict=True))
    ]


def _search_keys(identifier: Recorded) -> tuple[str, ...]:
    """Return the forms in which operators may look for *identifier*: those in which it compares, and as it was sent."""
    value = plain_value(identifier)
    if isinstance(identifier, Member):
        return value, identifier.address.key
    return (value, identifier.key) if isinstance(identifier, Email | Phone) else (value,)
