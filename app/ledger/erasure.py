"""The ledger without a person: what jobs and audits say of somebody who was deleted is blanked; the jobs stay.

Jobs that are not settled keep their identifiers, without which they could not be run: they end finding nobody.
"""

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Transaction
from schemas.identifiers import Email, ExternalId, Identifier, Member, Phone, UserAlias, from_record, sharing_key
from schemas.outcomes import Outcome

QUERIES = load_queries("app.ledger", "erasure.sql")

#: Outcomes whose reasons name profiles by braze_id at most. The others' may quote a person, and give way to the prose.
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
        Outcome.MERGED,
        Outcome.IDENTIFIED,
        Outcome.UNDONE,
        Outcome.UNDONE_IN_PART,
        Outcome.NOT_UNDOABLE,
    }
)

Key = tuple[str, ...]


def jobs_of(tx: Transaction, *, braze_ids: Collection[str]) -> set[UUID]:
    """Return the settled jobs in which a profile of *braze_ids* took part."""
    parameters = {"braze_ids": list(braze_ids)}
    return {row["id"] for row in tx.execute(QUERIES["jobs_of_profiles"], parameters)}


def names_in_audit(tx: Transaction, *, job_ids: Collection[UUID]) -> set[Identifier]:
    """Return what the profiles of the merges *job_ids* answered to before them."""
    parameters = {"ids": list(job_ids)}
    rows = tx.execute(QUERIES["names_before"], parameters)
    return {name for row in rows for name in _names(row)}


def jobs_naming(tx: Transaction, *, keys: AbstractSet[Key]) -> set[UUID]:
    """Return the settled jobs with a side that found nobody by one of *keys*, which are those of identifiers."""
    parameters = {"values": sorted({key[-1] for key in keys})}
    rows = tx.execute(QUERIES["jobs_that_found_nobody"], parameters)
    return {row["id"] for row in rows if not keys.isdisjoint(_found_nobody(row))}


def jobs_that_saw(tx: Transaction, *, profile_ids: Collection[int]) -> set[UUID]:
    """Return the settled jobs whose audits show others with a share of *profile_ids*, whose merges are undone."""
    parameters = {"ids": list(profile_ids)}
    return {row["id"] for row in tx.execute(QUERIES["jobs_that_saw_them"], parameters)}


def blank(tx: Transaction, *, job_ids: Collection[UUID], audits_of: Collection[UUID] = ()) -> None:
    """Blank what the settled jobs *job_ids* and their audits say of anybody; braze_ids, outcomes and times stay.

    Of the jobs *audits_of* the audits alone are blanked. All are locked in id order, so that two deletions of profiles
    that met in several jobs queue up.
    """
    prose = {outcome.value: outcome.prose for outcome in Outcome if outcome not in NAMELESS}
    parameters = {"ids": list(job_ids), "prose": Jsonb(prose)}
    audited = {"ids": [*job_ids, *audits_of]}
    tx.execute(QUERIES["hold_settled_jobs"], audited)
    tx.execute(QUERIES["blank_jobs"], parameters)
    tx.execute(QUERIES["erase_audits"], audited)


def erase_names(tx: Transaction, *, braze_ids: Collection[str]) -> None:
    """Erase the external_ids that the audit of renames and removals knows of the profiles *braze_ids*."""
    parameters = {"braze_ids": sorted(set(braze_ids))}
    tx.execute(QUERIES["erase_names"], parameters)


def _names(row: Mapping[str, Any]) -> Iterator[Identifier]:
    """Yield the identifiers that *row* says a profile had."""
    if row["external_id"] is not None:
        yield ExternalId(row["external_id"])
    for label, name in (row["user_aliases"] or {}).items():
        yield UserAlias(label=label, name=name)
    if row["email"] is not None:
        yield Email(row["email"])
    if row["phone"] is not None:
        yield Phone(row["phone"])


def _found_nobody(row: Mapping[str, Any]) -> Iterator[Key]:
    """Yield the keys of the identifiers of the job *row* by which no profile was found."""
    for role in ("orphan", "survivor"):
        if row[f"{role}_braze_id"] is None and row[f"{role}_identifier"]:
            identifier = from_record(row[f"{role}_identifier"])
            yield sharing_key(identifier)
            if isinstance(identifier, Member):
                yield sharing_key(identifier.address)
