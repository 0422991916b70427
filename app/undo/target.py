"""Find the target of an undo: the locked survivor and the recorded merge, or the reason why it cannot be undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.config import Settings
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import ResolutionUnsettled
from app.ledger.execution import ClaimedJob
from app.merging.consent_states import EMAIL_FIELDS, GROUPS, GroupKinds
from app.merging.profile import Profile, describe_profile
from app.profiles.locking import lock_profiles
from app.profiles.store import load_profiles
from app.undo.record import UndoneJob, lock_undone_job, read_undone_job
from app.undo.recorded_merges import read_recorded_merges
from app.undo.recorded_rules import with_recorded_rules
from app.undo.reversal import RecordedMerge, exclude_undone
from schemas.outcomes import Outcome

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
class UndoRefusal:
    """The reason why a job cannot be undone."""

    job: UndoneJob
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoTarget:
    """A job that can be undone, with its survivor, locked and as it is now.

    *merge* excludes earlier merges that were undone since. It is None for a job that gave a profile its external_id.
    """

    job: UndoneJob
    survivor: Profile
    merge: RecordedMerge | None = None


def find_undo_target(tx: Transaction, settings: Settings, *, undo: ClaimedJob) -> UndoTarget | UndoRefusal:
    """Return the target of *undo*, or the refusal. The survivor stays locked until the transaction ends.

    The orphan has no row to lock; the lock of the survivor protects its restoration. Raises ResolutionUnsettled when
    another undo restored the survivor before it could be locked.
    """
    seen = read_undone_job(tx, undo_id=undo.id, days=settings.undo_days)
    ids = [] if seen.survivor is None or seen.survivor.id is None else [seen.survivor.id]
    locked = lock_profiles(tx, ids=ids)
    # Read again under the locks: a deletion may have erased the audit before they were granted.
    lock_undone_job(tx, undo_id=undo.id)
    job = read_undone_job(tx, undo_id=undo.id, days=settings.undo_days)
    survivor = next(iter(locked.values()), None)
    reason = _refuse_by_age(job, settings) or _refuse_gone_survivor(tx, job, survivor)
    if reason is not None or survivor is None:
        return UndoRefusal(job=job, reason=reason or PRUNED)
    if job.blanked:
        return UndoRefusal(job=job, reason=BLANKED)
    return (
        _identify_target(job, survivor)
        if job.outcome is Outcome.IDENTIFIED
        else _merge_target(tx, settings, job, survivor)
    )


def _refuse_by_age(job: UndoneJob, settings: Settings) -> str | None:
    if job.pruned:
        return PRUNED
    return TOO_OLD.format(days=settings.undo_days) if job.too_old else None


def _refuse_gone_survivor(tx: Transaction, job: UndoneJob, survivor: Profile | None) -> str | None:
    """Return the reason if the *survivor* of *job* was merged away or deleted since."""
    if survivor is not None or job.survivor is None or job.survivor.id is None:
        return None
    row = tx.execute(QUERIES["find_last_merge_away"], {"profile_id": job.survivor.id}).fetchone()
    if row is not None:
        return MERGED_ON.format(braze_id=job.survivor.braze_id, job_id=row["job_id"])
    if load_profiles(tx, ids=[job.survivor.id]):
        raise ResolutionUnsettled("The survivor of a merge was restored before its undo could lock it.")
    return DELETED.format(braze_id=job.survivor.braze_id)


def _identify_target(job: UndoneJob, profile: Profile) -> UndoTarget | UndoRefusal:
    if job.survivor is None or profile.external_id != job.survivor.external_id:
        return UndoRefusal(job=job, reason=RENAMED.format(Profile=describe_profile(profile).capitalize()))
    return UndoTarget(job=job, survivor=profile)


def _merge_target(tx: Transaction, settings: Settings, job: UndoneJob, survivor: Profile) -> UndoTarget | UndoRefusal:
    undone = _merges_undone_since(tx, job, survivor)
    recorded = read_recorded_merges(tx, job_ids=[job.id, *undone])
    groups = GroupKinds(email_groups=settings.email_groups, sms_groups=settings.sms_groups)
    merge = with_recorded_rules(recorded[job.id], groups=groups)
    if merge is None:
        return UndoRefusal(job=job, reason=OTHER_RULES)
    known = [with_recorded_rules(each, groups=groups) or each for each in map(recorded.get, undone) if each]
    others = _consenting_merges(tx, job, survivor, removed=[*known, merge])
    # A merge whose snapshots were erased is not known: its values cannot be separated in the survivor's snapshot, and
    # must not return from it.
    without_undone = exclude_undone(merge, known, others=others, trusted=len(known) == len(undone))
    return UndoTarget(job=job, survivor=survivor, merge=without_undone)


def _merges_undone_since(tx: Transaction, job: UndoneJob, survivor: Profile) -> list[UUID]:
    """Return the merges into *survivor* before *job* that were undone after it, in order of time."""
    parameters = {"survivor_id": survivor.id, "at": job.at}
    return [row["undone_job_id"] for row in tx.execute(QUERIES["list_merges_undone_since"], parameters)]


def _consenting_merges(
    tx: Transaction, job: UndoneJob, survivor: Profile, *, removed: Sequence[RecordedMerge]
) -> list[RecordedMerge]:
    """Return the merges into *survivor*, in order of time, that may give the same states as the merges *removed*."""
    if not any(each.gives_consent for each in removed):
        return []
    parameters = {
        "survivor_id": survivor.id,
        "job_id": job.id,
        "since": min(each.at for each in removed),
        "fields": [*EMAIL_FIELDS, GROUPS],
    }
    ids = [row["job_id"] for row in tx.execute(QUERIES["list_consenting_merges"], parameters)]
    recorded = read_recorded_merges(tx, job_ids=ids)
    return [recorded[job_id] for job_id in ids if job_id in recorded]


def list_origins(tx: Transaction, profile: Profile) -> list[int]:
    """Return the origins whose history belongs to *profile*, its own id first."""
    rows = tx.execute(QUERIES["list_origins"], {"profile_id": profile.id})
    return [profile.id, *(row["origin_id"] for row in rows)]
