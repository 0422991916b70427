"""Undos are accepted: jobs of their own, in a batch of their own, that take back what earlier jobs merged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound
from app.ledger.accept import Accepted, origin
from app.ledger.idempotency import IdempotencyKey, first_use
from app.ledger.lanes import lane_heads
from app.ledger.queries import NO_BATCH, NO_JOB
from schemas.outcomes import JobKind

QUERIES = load_queries("app.undo", "undo.sql")

IS_AN_UNDO = "An undo cannot be undone; merge the two profiles again."
UNFINISHED = "There is nothing to undo yet: what was asked for is still on its way. Try again when it is finished."
DIED = "This job is dead, so it merged nothing; there is nothing to undo."
NOTHING_MERGED = "Nothing was merged here, so there is nothing to undo."
UNDONE = "This was undone already, by the job {job_id}."
ALL_UNDONE = "Everything that this batch merged was undone already."
UNDER_WAY = "An undo of job {merge_id} is on its way already: the job {job_id}, which is {state}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose merges are to be undone: those of *job_ids*, which are one job, or every job of a batch."""

    job_ids: Sequence[UUID]
    whole_batch: bool = False

    @property
    def scope(self) -> dict[str, Any]:
        """The parameters that queries take it by."""
        return {"ids": list(self.job_ids)}


def a_job(tx: Transaction, *, job_id: UUID) -> tuple[Asked, set[JobKind]]:
    """Return the wish to undo one job, and what that was asked to do; raise NotFound when there is none of that id."""
    asked = Asked(job_ids=[job_id])
    kinds = _kinds(tx, asked)
    if not kinds:
        raise NotFound(NO_JOB)
    return asked, kinds


def a_batch(tx: Transaction, *, batch_id: UUID) -> tuple[Asked, set[JobKind]]:
    """Return the wish to undo a whole batch, and what its jobs were asked to do; raise NotFound when there is none."""
    of_batch = {"batch_id": batch_id}
    rows = tx.execute(QUERIES["jobs_of_batch"], of_batch).fetchall()
    if not rows:
        raise NotFound(NO_BATCH)
    job_ids = [row["id"] for row in rows if row["id"] is not None]
    asked = Asked(job_ids=job_ids, whole_batch=True)
    return asked, _kinds(tx, asked)


def accept(
    tx: Transaction,
    asked: Asked,
    *,
    api_key_id: UUID | None,
    path: str,
    idempotency: IdempotencyKey | None = None,
) -> Accepted:
    """Return the batch of undos that *asked* became, one for each merge, in the caller's transaction.

    The latest merge comes first; undos of merges that have a profile in common share a lane, so that they keep that
    order. Raises Conflict when there is nothing to undo, or an undo on its way.
    """
    batch_id = uuid7()
    if idempotency is not None:
        earlier = first_use(tx, idempotency, path=path, batch_id=batch_id)
        if earlier is not None:
            return Accepted(batch_id=earlier, replayed=True)
    jobs = _jobs(tx, undoable(tx, asked))
    batch = {
        "batch_id": batch_id,
        "api_key_id": api_key_id,
        "path": path,
        **origin(),
        "jobs": Jsonb(jobs),
    }
    tx.execute(QUERIES["insert_undos"], batch)
    return Accepted(batch_id=batch_id, jobs=len(jobs))


def _kinds(tx: Transaction, asked: Asked) -> set[JobKind]:
    """Return what the jobs were asked to do."""
    return {JobKind(row["kind"]) for row in tx.execute(QUERIES["read_kinds"], asked.scope)}


def undoable(tx: Transaction, asked: Asked) -> list[UUID]:
    """Return the merges to undo, locked; raise Conflict when there are none, or one is being undone."""
    _check_settled(tx, asked)
    held = tx.execute(QUERIES["hold_merges"], asked.scope).fetchall()
    if not held:
        raise Conflict(NOTHING_MERGED)
    left: list[UUID] = [row["id"] for row in held if row["undone_at"] is None]
    if not left:
        raise Conflict(ALL_UNDONE if asked.whole_batch else UNDONE.format(job_id=held[0]["undone_by"]))
    # Asked only now: under the locks nobody can begin an undo of these.
    found = {"ids": left}
    row = tx.execute(QUERIES["undos_under_way"], found).fetchone()
    if row is not None:
        raise Conflict(UNDER_WAY.format(merge_id=row["undoes"], job_id=row["id"], state=row["state"]))
    return left


def _check_settled(tx: Transaction, asked: Asked) -> None:
    """Raise Conflict when one of the jobs is unfinished, or an undo itself, or when it is one job and dead."""
    for row in tx.execute(QUERIES["read_kinds"], asked.scope):
        if row["kind"] == JobKind.UNDO:
            raise Conflict(IS_AN_UNDO)
        if row["unfinished"]:
            raise Conflict(UNFINISHED)
        if row["dead"] and not asked.whole_batch:
            raise Conflict(DIED)


def _jobs(tx: Transaction, merges: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return the rows of the jobs that undo *merges*, in the order in which they are to be run."""
    rows = tx.execute(QUERIES["latest_first"], {"ids": list(merges)}).fetchall()
    lanes = lane_heads([(row["orphan_id"], row["survivor_id"]) for row in rows])
    return [
        {"id": str(uuid7()), "index": index, "lane": lane, "undoes": str(row["id"])}
        for index, (lane, row) in enumerate(zip(lanes, rows, strict=True))
    ]
