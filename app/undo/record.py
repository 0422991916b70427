"""The ledger as the undo uses it: what was merged, and that it is undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.transaction import Transaction
from app.ledger.execution import Party
from app.undo.accept import QUERIES
from schemas.outcomes import JobKind, Outcome

SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoneJob:
    """The job that an undo is to take back, as far as the ledger remembers it."""

    id: UUID
    #: The job's row is gone, and all that follows is not known.
    pruned: bool
    #: It was made longer ago than undos are kept possible for.
    too_old: bool = False
    #: What its audit said was erased with a person.
    blanked: bool = False
    kind: JobKind = JobKind.MERGE
    outcome: Outcome = Outcome.MERGED
    at: datetime | None = None
    orphan: Party | None = None
    survivor: Party | None = None
    #: The origins that the orphan brought, its own among them.
    origins: Sequence[int] = ()
    deprecated_external_ids: Sequence[str] = ()
    changes: Sequence[Mapping[str, Any]] = ()
    #: The update time that an identified profile had before.
    updated_before: datetime | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "UndoneJob":
        """Return what *row* says."""
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
            orphan=_party(row, "orphan"),
            survivor=_party(row, "survivor"),
            origins=row["origins"] or (),
            deprecated_external_ids=row["deprecated_external_ids"] or (),
            changes=row["changes"] or (),
            updated_before=row["updated_before"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What the ledger keeps of an undo that had an effect."""

    undo_id: UUID
    job: UndoneJob
    at: datetime
    changes: Sequence[Mapping[str, Any]]
    #: `[{identifier, why}]`
    not_restored: Sequence[Mapping[str, Any]] = ()


def read_undone_job(tx: Transaction, *, undo_id: UUID, days: float) -> UndoneJob:
    """Return the job that the undo *undo_id* is to take back; *days* is how long that is kept possible."""
    parameters = {"job_id": undo_id, "seconds": days * SECONDS_A_DAY}
    (row,) = tx.execute(QUERIES["read_undone_job"], parameters).fetchall()
    return UndoneJob.from_row(row)


def hold_undone_job(tx: Transaction, *, undo_id: UUID) -> None:
    """Lock the job that the undo *undo_id* is to take back; to be called under the lock of its survivor."""
    tx.execute(QUERIES["hold_undone_job"], {"job_id": undo_id})


def note_undone(tx: Transaction, undone: Undone) -> None:
    """Note *undone* on both jobs, with its audit; to be called in the transaction that has the effect."""
    job = undone.job
    parameters = {
        "undo_id": undone.undo_id,
        "job_id": job.id,
        "at": undone.at,
        "merged_at": job.at,
        "orphan_id": job.orphan and job.orphan.id,
        "survivor_id": job.survivor and job.survivor.id,
        "changes": Jsonb(undone.changes),
        "not_restored": Jsonb(undone.not_restored),
    }
    tx.execute(QUERIES["note_undone"], parameters)


def _party(row: Mapping[str, Any], role: str) -> Party | None:
    """Return the profile of *role* that *row* says, or None."""
    if row[f"{role}_id"] is None:
        return None
    return Party(id=row[f"{role}_id"], braze_id=row[f"{role}_braze_id"], external_id=row[f"{role}_external_id"])
