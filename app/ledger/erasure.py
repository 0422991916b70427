"""Erases a deleted person from the ledger: identifiers in jobs and audits are blanked, the jobs stay.

Unfinished jobs keep their identifiers, which they need to run; they find no profile, and are blanked when they have
ended.
"""

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.search import HELD
from schemas.identifiers import (
    Email,
    ExternalId,
    Identifier,
    Member,
    Phone,
    Recorded,
    UserAlias,
    from_record,
    sharing_key,
)
from schemas.outcomes import Outcome

QUERIES = load_queries("app.ledger", "erasure.sql")

#: Outcomes whose reasons contain no identifier except braze_ids. The reasons of the others are replaced by fixed texts.
NAMELESS = frozenset(
    {
        Outcome.ORPHAN_AMBIGUOUS,
        Outcome.SURVIVOR_AMBIGUOUS,
        Outcome.ORPHAN_NOT_FOUND,
        Outcome.SURVIVOR_NOT_FOUND,
        Outcome.ALREADY_MERGED,
        Outcome.SAME_PROFILE,
        Outcome.ORPHAN_IDENTIFIED,
        Outcome.PROTECTED,
        Outcome.INVALID_PHONES,
        Outcome.SURVIVOR_LIMIT,
        Outcome.CHANGED_SINCE_PLAN,
        Outcome.MERGED,
        Outcome.IDENTIFIED,
        Outcome.UNDONE,
        Outcome.UNDONE_IN_PART,
        Outcome.NOT_UNDOABLE,
    }
)

#: The two sides of a job.
ROLES = ("orphan", "survivor")

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedJob:
    """An unfinished job that names an erased person, and the side that does: orphan or survivor."""

    id: UUID
    role: str


def jobs_of_profiles(tx: Transaction, *, braze_ids: Collection[str]) -> set[UUID]:
    """Return the ended jobs of the profiles *braze_ids*."""
    return {row["id"] for row in tx.execute(QUERIES["jobs_of_profiles"], {"braze_ids": list(braze_ids)})}


def names_before_merges(tx: Transaction, *, job_ids: Collection[UUID]) -> set[Identifier]:
    """Return the identifiers that the profiles of the merges *job_ids* had before them."""
    rows = tx.execute(QUERIES["identifiers_before_merges"], {"ids": list(job_ids)})
    return {name for row in rows for name in _names(row)}


def jobs_naming(tx: Transaction, *, keys: AbstractSet[Key]) -> set[UUID]:
    """Return the ended jobs that found no profile for an identifier with one of *keys*."""
    parameters = {"values": sorted({key[-1] for key in keys})}
    rows = tx.execute(QUERIES["jobs_without_a_profile"], parameters)
    return {row["id"] for row in rows if not keys.isdisjoint(_keys_without_a_profile(row))}


def unfinished_jobs_naming(tx: Transaction, *, keys: AbstractSet[Key]) -> list[UnfinishedJob]:
    """Return the unfinished jobs with an identifier that has one of *keys*, once for each such side."""
    rows = tx.execute(QUERIES["unfinished_jobs"], {"values": sorted({key[-1] for key in keys})}).fetchall()
    return [
        UnfinishedJob(id=row["id"], role=role)
        for row in rows
        for role in ROLES
        if row[f"{role}_identifier"] and not keys.isdisjoint(_keys_of(from_record(row[f"{role}_identifier"])))
    ]


def ended_jobs(tx: Transaction, *, jobs: Collection[UnfinishedJob]) -> Mapping[UnfinishedJob, bool]:
    """Return those of *jobs* that have ended or are gone, and whether they found no profile on their side."""
    ids = {each.id for each in jobs}
    found = {row["id"]: row for row in tx.execute(QUERIES["read_sides"], {"ids": list(ids)})}
    return {
        each: each.id in found and found[each.id][f"{each.role}_braze_id"] is None
        for each in jobs
        if each.id not in found or found[each.id]["ended"]
    }


def jobs_with_snapshots_of(tx: Transaction, *, profile_ids: Collection[int]) -> set[UUID]:
    """Return the ended jobs whose snapshots contain data of *profile_ids* from merges that were undone."""
    return {row["id"] for row in tx.execute(QUERIES["jobs_with_snapshots_of"], {"ids": list(profile_ids)})}


def blank_jobs(tx: Transaction, *, job_ids: Collection[UUID], audits_of: Collection[UUID] = ()) -> None:
    """Erase personal data from the ended jobs *job_ids* and their audits; braze_ids, outcomes and times stay.

    For the jobs *audits_of*, only the audits are erased, and the search keys that are from snapshots. All jobs are
    locked in id order, so that concurrent deletions with common jobs wait for each other.
    """
    prose = {outcome.value: outcome.prose for outcome in Outcome if outcome not in NAMELESS}
    parameters = {"ids": list(job_ids), "prose": Jsonb(prose)}
    audited = {"ids": [*job_ids, *audits_of]}
    tx.execute(QUERIES["lock_ended_jobs"], audited)
    tx.execute(QUERIES["blank_jobs"], parameters)
    tx.execute(QUERIES["delete_failures"], parameters)
    if audits_of:
        tx.execute(QUERIES["remove_held_keys"], {"ids": list(audits_of), "held": HELD})
    tx.execute(QUERIES["erase_audit_records"], audited)


def erase_audit_names(tx: Transaction, *, braze_ids: Collection[str]) -> None:
    """Erase the external_ids of the profiles *braze_ids* from the audit of renames and removals."""
    tx.execute(QUERIES["erase_audit_names"], {"braze_ids": sorted(set(braze_ids))})


def _names(row: Mapping[str, Any]) -> Iterator[Identifier]:
    if row["external_id"] is not None:
        yield ExternalId(row["external_id"])
    for label, name in (row["user_aliases"] or {}).items():
        yield UserAlias(label=label, name=name)
    if row["email"] is not None:
        yield Email(row["email"])
    if row["phone"] is not None:
        yield Phone(row["phone"])


def _keys_without_a_profile(row: Mapping[str, Any]) -> Iterator[Key]:
    """Yield the keys of the job's identifiers for which no profile was found."""
    for role in ROLES:
        if row[f"{role}_braze_id"] is None and row[f"{role}_identifier"]:
            yield from _keys_of(from_record(row[f"{role}_identifier"]))


def _keys_of(identifier: Recorded) -> Iterator[Key]:
    yield sharing_key(identifier)
    if isinstance(identifier, Member):
        yield sharing_key(identifier.address)
