"""Accept undos: a batch with one job for each merge to undo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound
from app.ledger.accept import AcceptedBatch, insert_empty_batch, request_origin
from app.ledger.idempotency import IdempotencyKey, claim_idempotency_key
from app.ledger.lanes import lane_heads
from app.ledger.queries import NO_BATCH, NO_JOB
from schemas.outcomes import BatchSource, JobKind
from schemas.urgency import DEFAULT_PRIORITY

QUERIES = load_queries("app.undo", "undo.sql")

IS_AN_UNDO = "An undo cannot be undone; merge the two profiles again."
UNFINISHED = "There is nothing to undo yet: not all jobs have finished. Try again when they have."
DEAD = "This job is dead, so it merged nothing; there is nothing to undo."
NOTHING_MERGED = "Nothing was merged here, so there is nothing to undo."
UNDONE = "This was undone already, by the job {job_id}."
ALL_UNDONE = "Everything that this batch merged was undone already."
UNDO_UNFINISHED = "An undo of job {merge_id} has not finished yet: the job {job_id}, which is {state}."


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoRequest:
    """A request to undo the merges of *job_ids*: one job, or all jobs of a batch."""

    job_ids: Sequence[UUID]
    whole_batch: bool = False

    @property
    def scope(self) -> dict[str, Any]:
        """The parameters of the queries."""
        return {"ids": list(self.job_ids)}


def undo_request_of_job(tx: Transaction, *, job_id: UUID) -> tuple[UndoRequest, set[JobKind]]:
    """Return the request to undo one job, and the job's kind. Raises NotFound when the job does not exist."""
    request = UndoRequest(job_ids=[job_id])
    kinds = _kinds(tx, request)
    if not kinds:
        raise NotFound(NO_JOB)
    return request, kinds


def undo_request_of_batch(tx: Transaction, *, batch_id: UUID) -> tuple[UndoRequest, set[JobKind]]:
    """Return the request to undo a batch, and the kinds of its jobs. Raises NotFound when it does not exist."""
    rows = tx.execute(QUERIES["list_jobs_of_batch"], {"batch_id": batch_id}).fetchall()
    if not rows:
        raise NotFound(NO_BATCH)
    job_ids = [row["id"] for row in rows if row["id"] is not None]
    request = UndoRequest(job_ids=job_ids, whole_batch=True)
    return request, _kinds(tx, request)


def accept_undo(  # noqa: PLR0913  the parts of a batch
    tx: Transaction,
    request: UndoRequest,
    *,
    api_key_id: UUID | None,
    path: str,
    priority: int | None = None,
    idempotency: IdempotencyKey | None = None,
    run_id: UUID | None = None,
) -> AcceptedBatch:
    """Insert the batch of undos for *request*, one job for each merge, and return it.

    The latest merge comes first. Undos of merges that share a profile share a lane, so that they keep that order.
    The batch joins the open run *run_id*. Raises Conflict when there is no merge to undo, or when one has an unfinished
    undo, and NoDataFound when there is no such run.
    """
    batch_id = new_id()
    if idempotency is not None:
        earlier = claim_idempotency_key(tx, idempotency, path=path, batch_id=batch_id)
        if earlier is not None:
            return AcceptedBatch(batch_id=earlier, replayed=True)
    jobs = _undo_rows(tx, lock_undoable_merges(tx, request))
    batch = {
        "batch_id": batch_id,
        "api_key_id": api_key_id,
        "path": path,
        "priority": priority,
        "default_priority": DEFAULT_PRIORITY,
        "run_id": run_id,
        "joins": run_id is not None,
        **request_origin(),
        "jobs": Jsonb(jobs),
    }
    insert_undos(tx, batch)
    return AcceptedBatch(batch_id=batch_id, jobs=len(jobs))


def insert_undos(tx: Transaction, batch: Mapping[str, Any]) -> None:
    """Insert a batch of undos and its jobs, given as the parameters of the queries."""
    insert_empty_batch(tx, {**batch, "kind": JobKind.UNDO, "source": BatchSource.API})
    tx.execute(QUERIES["insert_undos"], batch)


def _kinds(tx: Transaction, request: UndoRequest) -> set[JobKind]:
    return {JobKind(row["kind"]) for row in tx.execute(QUERIES["read_kinds"], request.scope)}


def lock_undoable_merges(tx: Transaction, request: UndoRequest) -> list[UUID]:
    """Lock the merges of *request* and return those to undo. Raises Conflict when there are none."""
    _check_finished(tx, request)
    rows = tx.execute(QUERIES["lock_merges"], request.scope).fetchall()
    if not rows:
        raise Conflict(NOTHING_MERGED)
    undoable: list[UUID] = [row["id"] for row in rows if row["undone_at"] is None]
    if not undoable:
        raise Conflict(ALL_UNDONE if request.whole_batch else UNDONE.format(job_id=rows[0]["undone_by"]))
    # Read under the locks: no undo of these merges can be accepted meanwhile.
    row = tx.execute(QUERIES["find_unfinished_undos"], {"ids": undoable}).fetchone()
    if row is not None:
        raise Conflict(UNDO_UNFINISHED.format(merge_id=row["undoes"], job_id=row["id"], state=row["state"]))
    return undoable


def _check_finished(tx: Transaction, request: UndoRequest) -> None:
    """Raise Conflict when a job is unfinished or an undo itself, or when *request* is for one job and it is dead."""
    for row in tx.execute(QUERIES["read_kinds"], request.scope):
        if row["kind"] == JobKind.UNDO:
            raise Conflict(IS_AN_UNDO)
        if row["unfinished"]:
            raise Conflict(UNFINISHED)
        if row["dead"] and not request.whole_batch:
            raise Conflict(DEAD)


def _undo_rows(tx: Transaction, merges: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return the rows of the jobs that undo *merges*, in the order of their execution."""
    rows = tx.execute(QUERIES["list_latest_first"], {"ids": list(merges)}).fetchall()
    lanes = lane_heads([(row["orphan_id"], row["survivor_id"]) for row in rows])
    return [
        {"id": str(new_id()), "index": index, "lane": lane, "undoes": str(row["id"])}
        for index, (lane, row) in enumerate(zip(lanes, rows, strict=True))
    ]
