"""Accepts batches: a batch and its jobs are committed before the response is sent."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.errors import NoDataFound
from psycopg.types.json import Jsonb

from app.db.connections import Pool
from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.ledger.backlog import BacklogLimiter
from app.ledger.idempotency import IdempotencyKey, claim_idempotency_key
from app.ledger.lanes import lane_heads
from app.ledger.runs import require_open_run
from app.logs import request_id
from app.metrics.http import ACCEPTED_JOBS
from app.telemetry.spans import current_traceparent
from schemas.identifiers import Member, Recorded, plain_value, sharing_key, to_record
from schemas.merge import Update
from schemas.outcomes import BatchSource, JobKind
from schemas.urgency import DEFAULT_PRIORITY

QUERIES = load_queries("app.ledger", "accept.sql")

SharingKey = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedBatch:
    """A committed batch; *replayed* when an earlier request with the same Idempotency-Key created it."""

    batch_id: UUID
    replayed: bool = False
    #: Jobs created by this request.
    jobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A batch to create. Ids sort by their time of creation."""

    api_key_id: UUID | None
    path: str
    kind: JobKind
    updates: Sequence[Update[Recorded]]
    #: Indexes of the updates in the request, ascending; None when every object of it became an update.
    places: Sequence[int] | None = None
    #: The keys by which each update shares a lane with others; None for its identifiers.
    lane_keys: Sequence[Iterable[Hashable]] | None = None
    source: BatchSource = BatchSource.API
    #: The urgency of its jobs, from 0, the most urgent, to 7; None for that of its run, or the default one.
    priority: int | None = None
    #: The run that it belongs to; a request joins an open one.
    run_id: UUID | None = None
    id: UUID = field(default_factory=new_id)

    def to_row(self) -> dict[str, Any]:
        """Return the parameters of the query, jobs included."""
        return {
            "batch_id": self.id,
            "api_key_id": self.api_key_id,
            "path": self.path,
            "source": self.source,
            "run_id": self.run_id,
            # The runs of other sources are not open: they make their batches themselves.
            "joins": self.run_id is not None and self.source is BatchSource.API,
            "kind": self.kind,
            "priority": self.priority,
            "default_priority": DEFAULT_PRIORITY,
            **request_origin(),
            "jobs": Jsonb(_jobs(self)),
        }


def insert_batch(tx: Transaction, batch: NewBatch) -> list[UUID]:
    """Insert *batch* and its jobs; return the ids of the jobs in the order of its updates."""
    row = batch.to_row()
    _insert(tx, row)
    return [UUID(job["id"]) for job in row["jobs"].obj]


def insert_empty_batch(tx: Transaction, row: Mapping[str, Any]) -> None:
    """Insert the batch of *row*, whose jobs follow, and watch it if the workspace has an enabled webhook.

    Citus refuses one statement for several tables. In a pipeline they share one round trip.
    """
    tx.execute(QUERIES["insert_batch"], row)
    tx.execute(QUERIES["watch_batch"], row)


def _insert(tx: Transaction, row: Mapping[str, Any]) -> None:
    """Insert the batch of *row* and its jobs."""
    insert_empty_batch(tx, row)
    tx.execute(QUERIES["insert_jobs"], row)


def store_batch(  # noqa: PLR0913  the parts of one request
    pool: Pool,
    *,
    workspace_id: int,
    api_key_id: UUID,
    path: str,
    kind: JobKind,
    updates: Sequence[Update[Recorded]],
    places: Sequence[int] | None = None,
    priority: int | None = None,
    idempotency: IdempotencyKey | None = None,
    run_id: UUID | None = None,
    backlogs: BacklogLimiter,
) -> AcceptedBatch:
    """Commit a batch with one job for each of *updates*, in their order, and return it.

    *places* are the indexes of the updates in the request, ascending, when not all of its objects became updates.

    Raises KeyInUse, KeyReused when the Idempotency-Key was used with another body, DatabaseUnavailable when Postgres
    does not answer, and Overloaded when too many jobs of the workspace wait; an earlier request is replayed even then.
    Raises NotFound or Conflict when the batch cannot join the run *run_id*.
    """
    # Created outside of the transaction, so that a repeated transaction uses the same ids.
    batch = NewBatch(
        api_key_id=api_key_id, path=path, kind=kind, updates=updates, places=places, priority=priority, run_id=run_id
    )
    with explain_run(pool, workspace_id, run_id):
        accepted = run_in_transaction(
            pool, workspace_id, _accept, batch, batch.to_row(), idempotency=idempotency, backlogs=backlogs
        )
    if not accepted.replayed:
        backlogs.add_accepted(workspace_id=workspace_id, jobs=accepted.jobs)
        ACCEPTED_JOBS.inc(accepted.jobs, kind)
    return accepted


def _accept(
    tx: Transaction,
    batch: NewBatch,
    row: Mapping[str, Any],
    *,
    idempotency: IdempotencyKey | None,
    backlogs: BacklogLimiter,
) -> AcceptedBatch:
    if idempotency is not None:
        earlier = claim_idempotency_key(tx, idempotency, path=batch.path, batch_id=batch.id)
        if earlier is not None:
            return AcceptedBatch(batch_id=earlier, replayed=True)
    backlogs.require_room(tx)
    _insert(tx, row)
    return AcceptedBatch(batch_id=batch.id, jobs=len(batch.updates))


@contextmanager
def explain_run(pool: Pool, workspace_id: int, run_id: UUID | None) -> Iterator[None]:
    """Raise NotFound or Conflict in place of the error of a statement that could not join the run *run_id*."""
    try:
        yield
    except NoDataFound:
        if run_id is not None:
            with open_transaction(pool, workspace_id) as tx:
                require_open_run(tx, run_id=run_id)
        raise


def request_origin() -> dict[str, str | None]:
    """Return the id and the trace of the current request, which its batch stores."""
    return {"request_id": request_id.get() or None, "traceparent": current_traceparent.get() or None}


def _jobs(batch: NewBatch) -> list[dict[str, Any]]:
    """Return the rows of the jobs of *batch*."""
    updates = batch.updates
    places = range(len(updates)) if batch.places is None else batch.places
    shared = [(sharing_key(update.orphan), sharing_key(update.survivor)) for update in updates]
    lanes = lane_heads(shared if batch.lane_keys is None else batch.lane_keys)
    ids = new_id.texts(len(updates))
    return [
        {
            "id": job_id,
            "index": places[nth],
            "lane": places[lane],
            "orphan": to_record(update.orphan),
            "survivor": to_record(update.survivor),
            "search_keys": _search_keys(update, keys),
        }
        for nth, (job_id, update, keys, lane) in enumerate(zip(ids, updates, shared, lanes, strict=True))
    ]


def _search_keys(update: Update[Recorded], keys: tuple[SharingKey, SharingKey]) -> list[str]:
    """Return the values that find *update*, with the sharing *keys* of its sides, in searches, each once.

    They are first as they compare, then as they were sent: the indexes job_identify_orphan and job_identify_survivor
    rely on this order.
    """
    orphan, survivor = update.orphan, update.survivor
    return list(
        dict.fromkeys(
            (
                _comparable(orphan, keys[0]),
                _comparable(survivor, keys[1]),
                plain_value(orphan),
                plain_value(survivor),
            )
        )
    )


def _comparable(identifier: Recorded, key: SharingKey) -> str:
    return sharing_key(identifier.address)[-1] if isinstance(identifier, Member) else key[-1]
