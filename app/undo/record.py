"""Read the job that an undo reverses, and record the undo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.ids import new_id
from app.db.transaction import Transaction
from app.ledger.profile_ref import ProfileRef
from app.undo.accept import QUERIES
from schemas.outcomes import JobKind, Outcome

SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoneJob:
    """The job that an undo reverses, as far as the ledger still has it."""

    id: UUID
    #: The job's row was pruned; the other fields are unknown then.
    pruned: bool
    #: It is older than MERGELANE_UNDO_DAYS.
    too_old: bool = False
    #: Its audit was erased when a person was deleted.
    blanked: bool = False
    kind: JobKind = JobKind.MERGE
    outcome: Outcome = Outcome.MERGED
    at: datetime | None = None
    orphan: ProfileRef | None = None
    survivor: ProfileRef | None = None
    #: The origins that the orphan brought, its own among them.
    origins: Sequence[int] = ()
    deprecated_external_ids: Sequence[str] = ()
    #: Of an identify job: the profile's update time before it.
    updated_before: datetime | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "UndoneJob":
        """Return the job from a row of read_undone_job."""
        if row["pruned"]:
            return cls(id=row["id"], pruned=True)
        identified = row["outcome"] == Outcome.IDENTIFIED
        return cls(
            id=row["id"],
            pruned=not identified and row["blanked"] is None,
            too_old=row["too_old"],
            blanked=row["survivor_external_id"] is None if identified else bool(row["blanked"]),
            kind=JobKind(row["kind"]),
            outcome=Outcome(row["outcome"]),
            at=row["at"],
            orphan=_profile_ref(row, "orphan"),
            survivor=_profile_ref(row, "survivor"),
            origins=row["origins"] or (),
            deprecated_external_ids=row["deprecated_external_ids"] or (),
            updated_before=row["updated_before"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedUndo:
    """The audit of an undo that had an effect."""

    undo_id: UUID
    job: UndoneJob
    at: datetime
    changes: Sequence[Mapping[str, Any]]
    #: `[{identifier, why}]`
    not_restored: Sequence[Mapping[str, Any]] = ()


def read_undone_job(tx: Transaction, *, undo_id: UUID, days: float) -> UndoneJob:
    """Return the job that the undo *undo_id* reverses; *days* is the age up to which undo is possible."""
    parameters = {"job_id": undo_id, "seconds": days * SECONDS_A_DAY}
    (row,) = tx.execute(QUERIES["read_undone_job"], parameters).fetchall()
    return UndoneJob.from_row(row)


def lock_undone_job(tx: Transaction, *, undo_id: UUID) -> None:
    """Lock the job that the undo *undo_id* reverses. Lock its survivor first."""
    tx.execute(QUERIES["lock_undone_job"], {"job_id": undo_id})


def record_undo(tx: Transaction, undo: RecordedUndo) -> None:
    """Mark both jobs and insert the audit of *undo*, in the transaction of its effect.

    The pair of an undone merge becomes an exclusion, so that no duplicate run merges it again.
    """
    job = undo.job
    parameters = {
        "undo_id": undo.undo_id,
        "job_id": job.id,
        "at": undo.at,
        "merged_at": job.at,
        "orphan_id": job.orphan and job.orphan.id,
        "survivor_id": job.survivor and job.survivor.id,
        "changes": Jsonb(undo.changes),
        "not_restored": Jsonb(undo.not_restored),
    }
    tx.execute(QUERIES["record_undo"], parameters)
    excluded = {"exclusion_id": new_id(), "job_id": job.id, "undo_id": undo.undo_id, "at": undo.at}
    tx.execute(QUERIES["exclude_undone"], excluded)


def _profile_ref(row: Mapping[str, Any], role: str) -> ProfileRef | None:
    if row[f"{role}_id"] is None:
        return None
    return ProfileRef(id=row[f"{role}_id"], braze_id=row[f"{role}_braze_id"], external_id=row[f"{role}_external_id"])
