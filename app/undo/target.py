"""What an undo finds: the survivor under its lock and the merge as its audit tells it, or why it cannot be undone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.config import Settings
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import ResolutionUnsettled
from app.lane.decide import named, rules_of
from app.ledger.execution import Work
from app.merging.changes import changes
from app.merging.merge import merge
from app.merging.profile import Profile
from app.profiles.locking import lock_profiles
from app.profiles.snapshots import profile_from_snapshot
from app.profiles.store import load_profiles
from app.undo.record import UndoneJob, hold_undone_job, read_undone_job
from app.undo.reversal import Absorption, without
from schemas.outcomes import JobKind, Outcome

QUERIES = load_queries("app.undo", "target.sql")

PRUNED = "The merge is no longer on record: it was pruned after its time."
TOO_OLD = "The merge is older than {days:g} days, for which merges can be undone here."
MERGED_ON = "Profile {braze_id} was itself merged away since; undo job {job_id} first."
DELETED = "Profile {braze_id} was deleted since, with all that it had got."
BLANKED = "What the profiles were before the merge was erased when a person was deleted."
OTHER_RULES = (
    "The merge was made by other rules than those of this version, so that these could not take it back exactly."
)
RENAMED = "{Profile} no longer has the external_id that it got."


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a job cannot be undone."""

    job: UndoneJob
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A job that can be undone, its survivor as it stands now and locked, and the merge as if it had been the first.

    A job that gave a profile its external_id merged nothing.
    """

    job: UndoneJob
    survivor: Profile
    absorption: Absorption | None = None


def look(tx: Transaction, settings: Settings, *, undo: Work) -> Found | Refusal:
    """Return what *undo* is to take back, or why it cannot be; the survivor is locked until the transaction ends.

    The orphan has no row to lock: it is made again by whoever holds the survivor. Raises ResolutionUnsettled when the
    survivor came back between look and lock.
    """
    seen = read_undone_job(tx, undo_id=undo.id, days=settings.undo_days)
    ids = [] if seen.survivor is None else [seen.survivor.id]
    locked = lock_profiles(tx, ids=ids)
    # Under the locks: somebody may have been deleted, and the audit blanked, in between.
    hold_undone_job(tx, undo_id=undo.id)
    job = read_undone_job(tx, undo_id=undo.id, days=settings.undo_days)
    survivor = next(iter(locked.values()), None)
    reason = _out_of_reach(job, settings) or _gone(tx, job, survivor)
    if reason is not None or survivor is None:
        return Refusal(job=job, reason=reason or PRUNED)
    if job.blanked:
        return Refusal(job=job, reason=BLANKED)
    return _identified(job, survivor) if job.outcome is Outcome.IDENTIFIED else _merged(tx, job, survivor)


def _out_of_reach(job: UndoneJob, settings: Settings) -> str | None:
    """Return why *job* is out of reach, given the ledger alone."""
    if job.pruned:
        return PRUNED
    return TOO_OLD.format(days=settings.undo_days) if job.too_old else None


def _gone(tx: Transaction, job: UndoneJob, survivor: Profile | None) -> str | None:
    """Return where the *survivor* of *job* is if it is not there any more."""
    if survivor is not None or job.survivor is None:
        return None
    parameters = {"profile_id": job.survivor.id}
    row = tx.execute(QUERIES["merged_on_by"], parameters).fetchone()
    if row is not None:
        return MERGED_ON.format(braze_id=job.survivor.braze_id, job_id=row["job_id"])
    if load_profiles(tx, ids=[job.survivor.id]):
        raise ResolutionUnsettled("The survivor of a merge came back while its undo was looking for it.")
    return DELETED.format(braze_id=job.survivor.braze_id)


def _identified(job: UndoneJob, profile: Profile) -> Found | Refusal:
    """Return what is found of a job that gave *profile* its external_id."""
    if job.survivor is None or profile.external_id != job.survivor.external_id:
        return Refusal(job=job, reason=RENAMED.format(Profile=named(profile).capitalize()))
    return Found(job=job, survivor=profile)


def _merged(tx: Transaction, job: UndoneJob, survivor: Profile) -> Found | Refusal:
    """Return what is found of a job that merged an orphan into *survivor*."""
    undone = _undone_since(tx, job, survivor)
    found = absorptions(tx, job_ids=[job.id, *undone])
    absorption = found[job.id]
    if not _same_changes(job, absorption):
        return Refusal(job=job, reason=OTHER_RULES)
    known = [found[each] for each in undone if each in found]
    # What an erased person gave the survivor must not come back from an image of it, and cannot be told apart in it.
    return Found(job=job, survivor=survivor, absorption=without(absorption, known, trusted=len(known) == len(undone)))


def _undone_since(tx: Transaction, job: UndoneJob, survivor: Profile) -> list[UUID]:
    """Return the earlier merges into *survivor* that were undone after the merge *job*, in order of time."""
    parameters = {"survivor_id": survivor.id, "at": job.at}
    return [row["undone_job_id"] for row in tx.execute(QUERIES["undone_since"], parameters)]


def absorptions(tx: Transaction, *, job_ids: Sequence[UUID]) -> dict[UUID, Absorption]:
    """Return the merges *job_ids* as their audits tell them, without those whose audit is gone."""
    parameters = {"job_ids": list(job_ids)}
    return {
        row["job_id"]: Absorption(
            survivor=profile_from_snapshot(row["survivor_before"]),
            orphan=profile_from_snapshot(row["orphan_before"]),
            at=row["merged_at"],
            rules=rules_of(JobKind(row["kind"])),
        )
        for row in tx.execute(QUERIES["read_images"], parameters)
    }


def origins_of(tx: Transaction, profile: Profile) -> list[int]:
    """Return the origins whose history reads under *profile*, its own first."""
    parameters = {"profile_id": profile.id}
    return [profile.id, *(row["origin_id"] for row in tx.execute(QUERIES["origins_of"], parameters))]


def _same_changes(job: UndoneJob, absorption: Absorption) -> bool:
    """Return whether today's rules would have changed what the merge *job* changed."""
    before, orphan, rules = absorption.survivor, absorption.orphan, absorption.rules
    after = merge(survivor=before, orphan=orphan, at=absorption.at, rules=rules)
    return _sorted(job.changes) == _sorted(changes(before=before, after=after, orphan=orphan, rules=rules))


def _sorted(changed: Iterable[Any]) -> list[Any]:
    """Return changes in an order that does not hang on that of keys."""
    return sorted(changed, key=lambda each: str(each["field"]))
